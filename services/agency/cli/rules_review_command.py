"""`nopluu rules lint | test | diff | what-if`: looking at rules before anybody signs them.

Source: DESIGN 9; domain notes §3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.agency import rule_bundles
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.progress import progress_on
from services.agency.cli.rules_files import RulesFile, gateway_of, tell_faults
from services.agency.cli.terminal import Terminal
from services.agency.errors import AgencyError, Exit
from services.agency.gateway import today
from services.agency.rule_trials import SECOND, second_engine, trials
from services.kernel.rules import compile_bundle
from services.kernel.rules.differences import Difference, differences
from services.kernel.rules.linting import remarks

_KINDS = {"added": ("+ thêm", "+ added"), "removed": ("− bỏ", "- removed"), "changed": ("~ sửa", "~ changed")}


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu rules`."""
    app.command("lint")(lint)
    app.command("test")(run_examples)
    app.command("diff")(diff)
    app.command("what-if")(what_if)


def lint(
    context: typer.Context,
    rules: RulesFile,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="Liệt kê giá trị chưa xác nhận / list what is not confirmed in law")
    ] = False,
    json: Json = False,
) -> None:
    """Tìm lỗi và điểm đáng ngờ trong bộ quy tắc. / Find errors and doubtful places in rules."""
    terminal = terminal_for(context, json)
    read = _read(terminal, rules)
    found = remarks(compile_bundle(read.bundle))
    by_id = {rule.id: rule for rule in read.bundle.rules}
    open_ = [remark for remark in found if remark.code == "unconfirmed"]
    for remark in found:
        if remark.code == "unconfirmed":
            continue
        terminal.data(
            "rule_remark",
            f"{remark.rule}  {terminal.pick(remark.text)} [{remark.code}]",
            rule=remark.rule,
            code=remark.code,
            text={"vi": remark.text.vi, "en": remark.text.en},
        )
    if unconfirmed:
        for remark in open_:
            rule = by_id[remark.rule]
            basis = "; ".join(f"{entry.text}, {entry.article}" for entry in rule.basis)
            note = f"\n    {rule.note}" if rule.note else ""
            terminal.data(
                "rule_unconfirmed", f"{rule.id}  {basis}{note}", rule=rule.id, basis=basis, note=rule.note or None
            )
    terminal.data(
        "rules_lint",
        terminal.words(
            f"{len(by_id)} quy tắc hợp lệ; {len(found) - len(open_)} điểm đáng xem; {len(open_)} chưa được xác nhận",
            f"{len(by_id)} rules are valid; {len(found) - len(open_)} remarks; {len(open_)} not confirmed",
        ),
        rules=len(by_id),
        remarks=len(found) - len(open_),
        unconfirmed=len(open_),
    )


def run_examples(context: typer.Context, rules: RulesFile, json: Json = False) -> None:
    """Chạy mọi ví dụ trên hai bộ máy CEL. / Run every example on both CEL engines."""
    terminal = terminal_for(context, json)
    read = _read(terminal, rules)
    second = second_engine()
    ran = list(trials(compile_bundle(read.bundle), second))
    failed = [trial for trial in ran if not trial.passed]
    for trial in failed:
        terminal.data(
            "rule_example_failed",
            f"{trial.rule}  examples/{trial.kind}/{trial.index}: {trial.first} / {trial.second}",
            rule=trial.rule,
            kind=trial.kind,
            index=trial.index,
            first=trial.first,
            second=trial.second,
        )
    if second is None:
        terminal.note(
            "second_engine_absent",
            terminal.words(
                f"Chưa chạy trên bộ máy CEL thứ hai: chưa cài {SECOND}",
                f"Not run on the second CEL engine: {SECOND} is not installed",
            ),
            package=SECOND,
        )
    engines = 1 if second is None else 2
    terminal.data(
        "rules_test",
        terminal.words(
            f"{len(ran)} ví dụ trên {engines} bộ máy CEL: {len(failed)} sai",
            f"{len(ran)} examples on {engines} CEL engines: {len(failed)} wrong",
        ),
        examples=len(ran),
        engines=engines,
        failed=len(failed),
    )
    raise typer.Exit(Exit.REJECTED if failed else Exit.DONE)


def diff(
    context: typer.Context,
    rules: RulesFile,
    against: Annotated[
        Path | None, typer.Option("--against", help="Bỏ trống: bộ đang hiệu lực ở cổng / without: those in force there")
    ] = None,
    json: Json = False,
) -> None:
    """Quy tắc nào được thêm, sửa, bỏ. / Which rules were added, changed, removed."""
    terminal = terminal_for(context, json)
    new = _read(terminal, rules)
    if against is not None:
        old = _read(terminal, against)
    else:
        with progress_on(terminal) as progress, gateway_of(context, terminal, progress) as gateway:
            old = rule_bundles.read_bytes(gateway.rules(), gateway.origin)
    found = differences(old.bundle, new.bundle)
    for difference in found:
        _tell_difference(terminal, difference)
    counts = {kind: sum(difference.kind == kind for difference in found) for kind in _KINDS}
    terminal.data(
        "rules_diff",
        terminal.words(
            f"phiên bản {old.bundle.version} → {new.bundle.version}: thêm {counts['added']}, sửa {counts['changed']}, "
            f"bỏ {counts['removed']}",
            f"version {old.bundle.version} → {new.bundle.version}: {counts['added']} added, {counts['changed']} changed, "
            f"{counts['removed']} removed",
        ),
        old=old.bundle.version,
        new=new.bundle.version,
        **counts,
    )


def what_if(
    context: typer.Context,
    rules: RulesFile,
    months: Annotated[int, typer.Option(min=1, max=120, help="Số tháng nhìn lại / months back")] = 3,
    json: Json = False,
) -> None:
    """Bản thảo sẽ đổi kết luận của hồ sơ nào đã khai. / Which past verdicts a draft would change."""
    terminal = terminal_for(context, json)
    read = _read(terminal, rules)
    since = today() - timedelta(days=31 * months)
    judged = refused = unreadable = changed = 0
    moves: Counter[tuple[str, str]] = Counter()
    with progress_on(terminal) as progress, gateway_of(context, terminal, progress) as gateway:
        for page in gateway.rules_what_if(read.payload, since):
            judged += _number(page["packages"])
            refused += _number(page["refused"])
            unreadable += _number(page["unreadable"])
            for package in _objects(page["changed"]):
                changed += 1
                moves.update((str(entry["was"]), str(entry["would"])) for entry in _objects(package["documents"]))
                _tell_package(terminal, package)
    for (was, would), count in sorted(moves.items()):
        terminal.data(
            "rules_what_if_move",
            terminal.words(f"{was} → {would}: {count} văn bản", f"{was} → {would}: {count} documents"),
            was=was,
            would=would,
            documents=count,
        )
    terminal.data(
        "rules_what_if",
        terminal.words(
            f"từ {since}: xét lại {judged} gói, {changed} gói đổi kết luận; {refused} gói đã bị từ chối không còn bản kê để "
            f"xét; {unreadable} bản kê không đọc được",
            f"since {since}: {judged} packages judged, {changed} with changed verdicts; {refused} refused packages keep no "
            f"manifest; {unreadable} manifests cannot be read",
        ),
        since=since.isoformat(),
        packages=judged,
        changed=changed,
        refused=refused,
        unreadable=unreadable,
    )


def _tell_package(terminal: Terminal, package: Mapping[str, object]) -> None:
    lines = [f"{package['package']}  {package['declared_on']}"]
    for entry in _objects(package["documents"]):
        was, would = (", ".join(str(rule) for rule in _list(entry[name])) for name in ("was_rules", "would_rules"))
        lines.append(f"    /documents/{entry['document']}: {entry['was']} ({was}) → {entry['would']} ({would})")
    if more := _number(package["more"]):
        lines.append(terminal.words(f"    … và {more} văn bản nữa", f"    … and {more} more documents"))
    terminal.data("rules_what_if_package", "\n".join(lines), **package)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, object]]:
    return [entry for entry in _list(value) if isinstance(entry, dict)]


def _tell_difference(terminal: Terminal, difference: Difference) -> None:
    lines = [f"{terminal.words(*_KINDS[difference.kind])} {difference.rule}: {difference.condition}"]
    for change in difference.changes:
        lines.append(f"    {terminal.pick(change.member)}: {terminal.pick(change.before) or '–'}")
        lines.append(f"      → {terminal.pick(change.after) or '–'}")
    terminal.data(
        "rule_difference",
        "\n".join(lines),
        rule=difference.rule,
        kind=difference.kind,
        changes=[
            {"member": change.member.en, "before": terminal.pick(change.before), "after": terminal.pick(change.after)}
            for change in difference.changes
        ],
    )


def _read(terminal: Terminal, rules: Path) -> rule_bundles.ReadRules:
    try:
        return rule_bundles.read(rules)
    except AgencyError as error:
        tell_faults(terminal, error)
        raise
