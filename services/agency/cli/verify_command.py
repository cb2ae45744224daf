"""`nopluu verify`: prove a deposit offline, from the receipt and public keys alone.

Exit 0 proved, 1 refuted, 2 usage or unreadable. With `--json` one object is written, with `code` and `detail`.

Source: FORMATS "`nopluu verify`"; usability notes B2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.verification.checking import Evidence, verify
from services.agency.verification.outcome import Failed, Proved
from services.agency.verification.words import CODES

_SHOWN: Final = 20  # names listed for people; programs get all of them


def register(app: typer.Typer) -> None:
    """Add the command to `nopluu`."""
    app.command("verify")(verify_command)


def verify_command(
    context: typer.Context,
    receipt: Annotated[Path, typer.Argument(help="Biên nhận (.json) / the receipt")],
    keys: Annotated[
        Path, typer.Option("--keys", help="Tệp khóa công khai của nhật ký và nhân chứng / public keys, C2SP vkeys")
    ],
    manifest: Annotated[Path | None, typer.Option("--manifest", help="Bản kê đã nộp / the manifest as sent")] = None,
    files: Annotated[Path | None, typer.Option("--files", help="Thư mục tệp đã nộp / folder of the files")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", help="Sơ đồ gói / the package's plan")] = None,
    witnesses: Annotated[
        int, typer.Option("--witnesses", min=0, help="Số nhân chứng phải có / witnesses demanded")
    ] = 0,
    json: Json = False,
) -> None:
    """Kiểm chứng biên nhận, không cần mạng. / Prove a receipt without the network."""
    terminal = terminal_for(context, json)
    try:
        proved = verify(Evidence(receipt, keys, manifest, files, plan, witnesses))
    except Failed as failed:
        _tell_failure(terminal, failed)
        raise typer.Exit(int(failed.words.exit)) from failed
    _tell_proof(terminal, proved)


def _tell_failure(terminal: Terminal, failed: Failed) -> None:
    words = failed.words
    said = terminal.pick(words.text)
    head = terminal.words("KHÔNG CHỨNG MINH ĐƯỢC", "NOT PROVED")
    lines = [f"{head}: {said} [{failed.code}]"]
    if failed.faults:
        lines += _names(
            terminal, [f"{fault.name} ({terminal.pick(CODES[fault.code].text)})" for fault in failed.faults]
        )
    elif failed.detail:
        lines.append(f"  {failed.detail}")
    lines.append(f"  → {terminal.pick(words.fix)}")
    terminal.data(
        "verification",
        "\n".join(lines),
        proved=False,
        code=failed.code,
        detail=f"{said} {failed.detail}".strip(),
        exit_code=int(words.exit),
        faults=[{"code": fault.code, "name": fault.name} for fault in failed.faults],
    )


def _tell_proof(terminal: Terminal, proved: Proved) -> None:
    checkpoint = proved.signed.checkpoint
    words = CODES["proved"]
    said = terminal.pick(words.text)
    say = terminal.words
    lines = [
        f"{say('ĐÃ CHỨNG MINH', 'PROVED')}: {said}",
        f"  {say('Gói nộp', 'Package')}: {proved.package}, {say('phiên bản', 'version')} {proved.version}",
        f"  {say('Niêm phong lúc', 'Sealed at')}: {proved.sealed_at}",
        f"  {say('Nhật ký', 'Log')}: {checkpoint.origin}, {say('lá số', 'leaf')} {proved.index}"
        f" {say('trong', 'of')} {checkpoint.size}",
        f"  {say('Nhân chứng', 'Witnesses')}: {proved.signed.distinct_witnesses}",
    ]
    if proved.manifest_compared:
        lines.append(f"  {say('Bản kê: khớp', 'Manifest: matches')}")
    else:
        lines.append(f"  {say('Bản kê: chưa so (thiếu --manifest)', 'Manifest: not compared (no --manifest)')}")
    if proved.plan_compared:
        lines.append(f"  {say('Sơ đồ gói: khớp', 'Plan: matches')}")
    if proved.matched is None:
        lines.append(f"  {say('Tệp: chưa so (thiếu --files)', 'Files: not compared (no --files)')}")
    else:
        lines.append(f"  {say('Tệp khớp', 'Files that match')}: {proved.matched}")
    if proved.not_covered_count:
        told = say("Tệp của bản kê mà biên nhận không gồm", "In the manifest but not covered by the receipt")
        lines.append(f"  {told}: {proved.not_covered_count}")
        lines += _names(terminal, proved.not_covered)
    if proved.outside:
        lines.append(f"  {say('Tệp ngoài bản kê', 'Files outside the manifest')}: {len(proved.outside)}")
        lines += _names(terminal, proved.outside)
    limits = say(
        "Biên nhận chứng minh nội dung đã nộp và được lưu; không có nghĩa là đã nghiệm thu.",
        "The receipt proves what was deposited and kept; it does not mean acceptance.",
    )
    lines.append(f"  {limits}")
    terminal.data(
        "verification",
        "\n".join(lines),
        proved=True,
        code="proved",
        detail=said,
        exit_code=int(words.exit),
        package=proved.package,
        version=proved.version,
        sealed_at=proved.sealed_at,
        origin=checkpoint.origin,
        index=proved.index,
        size=checkpoint.size,
        witnesses=[key.name for key in proved.signed.witnesses],
        components=proved.components,
        manifest=proved.manifest_compared,
        plan=proved.plan_compared,
        files=proved.matched,
        not_covered=list(proved.not_covered),
        not_covered_count=proved.not_covered_count,
        outside=list(proved.outside),
    )


def _names(terminal: Terminal, names: Sequence[str]) -> list[str]:
    lines = [f"    - {name}" for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        lines.append(f"    … {terminal.words('và', 'and')} {len(names) - _SHOWN} {terminal.words('tệp nữa', 'more')}")
    return lines
