"""`nopluu rules`: an author drafts and signs the secrecy rules, another officer approves, one of them publishes.

    nopluu rules draft --version 2 --from 2026-12-01 -o rules.json      # the baseline's rows; edit them
    nopluu rules export rules.json -o rules.xlsx                        # or edit them in a spreadsheet
    nopluu rules import rules.xlsx -o rules.json
    nopluu rules lint rules.json; nopluu rules test rules.json; nopluu rules diff rules.json
    nopluu rules sign rules.json --key author.pem -o author.dsse
    nopluu rules sign author.dsse --key approver.pem -o approver.dsse   # on the approver's own machine
    nopluu rules assemble author.dsse approver.dsse -o rules.dsse
    nopluu rules publish rules.dsse

Source: DESIGN 9.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.agency import keys, rule_bundles
from services.agency.cli import rules_review_command, rules_sheet_command
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.progress import progress_on
from services.agency.cli.rules_files import Output, gateway_of, tell_faults, write
from services.agency.cli.terminal import Terminal
from services.agency.errors import AgencyError
from services.agency.rule_bundles import ReadRules
from services.kernel.signing.keys import thumbprint

rules_app = typer.Typer(no_args_is_help=True, help="Bộ quy tắc bí mật nhà nước / Secrecy rules")


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    rules_app.command("draft")(draft)
    rules_app.command("sign")(sign)
    rules_app.command("assemble")(assemble)
    rules_app.command("publish")(publish)
    rules_app.command("show")(show)
    rules_app.command("fetch")(fetch)
    rules_sheet_command.register(rules_app)
    rules_review_command.register(rules_app)
    app.add_typer(rules_app, name="rules")


def draft(
    context: typer.Context,
    version: Annotated[int, typer.Option(min=1, help="Số phiên bản, chỉ tăng / only ever grows")],
    effective_from: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="Hiệu lực từ / in force from")
    ],
    output: Output,
    json: Json = False,
) -> None:
    """Ghi bộ quy tắc gốc ra tệp để sửa. / Write the baseline rules into a file to edit."""
    terminal = terminal_for(context, json)
    write(output, rule_bundles.draft(version, effective_from.date()))
    terminal.data("rules_draft", str(output), file=str(output), version=version)


def sign(
    context: typer.Context,
    rules: Annotated[Path, typer.Argument(help="Bản thảo, hoặc phong bì đã ký / a draft or a signed envelope")],
    key: Annotated[Path, typer.Option(help="Khóa riêng của cán bộ (PEM) / the officer's private key")],
    output: Output,
    json: Json = False,
) -> None:
    """Kiểm tra rồi ký bộ quy tắc. / Check the rules and sign them."""
    terminal = terminal_for(context, json)
    signer = keys.load(key)
    try:
        envelope = rule_bundles.sign(rules, signer)
    except AgencyError as error:
        tell_faults(terminal, error)
        raise
    write(output, envelope)
    keyid = thumbprint(signer.public_key())
    terminal.data("rules_signed", f"{output}  {keyid}", file=str(output), kid=keyid)


def assemble(
    context: typer.Context,
    envelopes: Annotated[list[Path], typer.Argument(help="Các phong bì của cùng một bộ / envelopes of the same rules")],
    output: Output,
    json: Json = False,
) -> None:
    """Ghép các chữ ký vào một phong bì. / Join the signatures in one envelope."""
    terminal = terminal_for(context, json)
    write(output, rule_bundles.assemble(envelopes))
    signers = rule_bundles.read(output).signers
    terminal.data("rules_assembled", f"{output}  {len(signers)}", file=str(output), signers=list(signers))


def publish(
    context: typer.Context,
    envelope: Annotated[Path, typer.Argument(help="Phong bì có hai chữ ký / an envelope with two signatures")],
    json: Json = False,
) -> None:
    """Công bố bộ quy tắc lên cổng. / Publish the rules at the gateway."""
    terminal = terminal_for(context, json)
    read = rule_bundles.read(envelope)
    with progress_on(terminal) as progress, gateway_of(context, terminal, progress) as gateway:
        try:
            gateway.publish_rules(envelope.read_bytes())
        except AgencyError as error:
            tell_faults(terminal, error)
            raise
    _tell(terminal, read, "rules_published")


def fetch(context: typer.Context, json: Json = False) -> None:
    """Lấy bộ quy tắc đang hiệu lực về máy này để kiểm tra khi không có mạng. / Carry the rules here for offline checks."""
    terminal = terminal_for(context, json)
    with progress_on(terminal) as progress, gateway_of(context, terminal, progress) as gateway:
        carried = gateway.fetch_rules()
    terminal.data(
        "rules_carried",
        terminal.words(
            f"phiên bản {carried.version}, hiệu lực từ {carried.compiled.bundle.effective_from}",
            f"version {carried.version}, in force from {carried.compiled.bundle.effective_from}",
        ),
        version=carried.version,
        sha256=carried.compiled.bundle.sha256.hex(),
    )


def show(
    context: typer.Context,
    rules: Annotated[
        Path | None, typer.Argument(help="Bỏ trống: bộ đang có hiệu lực ở cổng / without: those in force there")
    ] = None,
    json: Json = False,
) -> None:
    """Xem từng quy tắc, căn cứ và chữ ký. / Show each rule, its basis, and the signatures."""
    terminal = terminal_for(context, json)
    if rules is not None:
        read = rule_bundles.read(rules)
    else:
        with progress_on(terminal) as progress, gateway_of(context, terminal, progress) as gateway:
            read = rule_bundles.read_bytes(gateway.rules(), gateway.origin)
    _tell(terminal, read, "rules")
    for rule in read.bundle.rules:
        lines = [
            f"{rule.id}  {rule.effect.wire}" + (terminal.words("  +báo cáo", "  +report") if rule.report else ""),
            f"    {rule.condition}",
            *(f"    {basis.text}, {basis.article}" for basis in rule.basis),
        ]
        if not rule.confirmed:
            lines.append(terminal.words("    (chưa được xác nhận)", "    (not confirmed)"))
        terminal.data(
            "rule",
            "\n".join(lines),
            id=rule.id,
            effect=rule.effect.wire,
            report=rule.report,
            condition=rule.condition,
            cel=rule.cel,
            confirmed=rule.confirmed,
            message={"vi": rule.message.vi, "en": rule.message.en},
            basis=[{"text": basis.text, "article": basis.article} for basis in rule.basis],
        )


def _tell(terminal: Terminal, read: ReadRules, message_type: str) -> None:
    bundle = read.bundle
    head = terminal.words(
        f"phiên bản {bundle.version}, hiệu lực từ {bundle.effective_from}, {len(bundle.rules)} quy tắc",
        f"version {bundle.version}, in force from {bundle.effective_from}, {len(bundle.rules)} rules",
    )
    terminal.data(
        message_type,
        "\n".join([head, f"sha256 {bundle.sha256.hex()}", *(f"kid {keyid}" for keyid in read.signers)]),
        version=bundle.version,
        effective_from=bundle.effective_from.isoformat(),
        rules=len(bundle.rules),
        sha256=bundle.sha256.hex(),
        signers=list(read.signers),
    )
