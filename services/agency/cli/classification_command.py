"""`nopluu classification`: the life of a record's classification, decision by decision.

    nopluu classification show PACKAGE --on 2026-01-01
    nopluu classification record PACKAGE --document 3 --kind extended --decided-on 2026-10-01 --until 2036-12-31 \\
        --instrument 12/QĐ-UBND --authority "UBND phường Hải Châu" --relation successor --agency AGENCY
    nopluu classification notified STEP --on 2026-10-05 --instrument 7/TB-UBND

Source: DESIGN 9, DECISION-0021.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import typer

from services.agency.cli.at_gateway import gateway_for
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.kernel.classification import Kind, Relation
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import Level

classification_app = typer.Typer(no_args_is_help=True, help="Độ mật của tài liệu / the life of classifications")

LEVELS: Final[Mapping[str, Text]] = {
    Level.NONE.wire: Text("không mật", "not secret"),
    Level.MAT.wire: Text("Mật", "Mật (confidential)"),
    Level.TOI_MAT.wire: Text("Tối mật", "Tối mật (secret)"),
    Level.TUYET_MAT.wire: Text("Tuyệt mật", "Tuyệt mật (top secret)"),
}
KINDS = {
    Kind.EXPIRED.value: Text("đương nhiên giải mật", "declassified at the end of its term"),
    Kind.DECLASSIFIED.value: Text("giải mật theo quyết định", "declassified by decision"),
    Kind.DELISTED.value: Text("đưa ra khỏi danh mục", "taken off the list"),
    Kind.EXTENDED.value: Text("gia hạn", "extended"),
    Kind.RAISED.value: Text("tăng độ mật", "raised"),
    Kind.LOWERED.value: Text("giảm độ mật", "lowered"),
    Kind.ANNULLED.value: Text("hủy bước trước", "an earlier step annulled"),
}


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    classification_app.command("show")(show)
    classification_app.command("record")(record)
    classification_app.command("notified")(notified)
    app.add_typer(classification_app, name="classification")


def show(
    context: typer.Context,
    package: Annotated[UUID, typer.Argument(help="Gói nộp / package")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Vào ngày / as of a day")] = None,
    json: Json = False,
) -> None:
    """Độ mật của các tài liệu trong gói, từng bước. / What is classified in a package, step by step."""
    terminal = terminal_for(context, json)
    query = {} if on is None else {"on": on.date().isoformat()}
    with gateway_for(context, terminal) as gateway:
        found = gateway.look(f"/v1/packages/{package}/classification", **query)
    records = found["records"]
    for entry in records if isinstance(records, list) else []:
        terminal.data("classified", _record_line(terminal, entry), **entry)


def record(
    context: typer.Context,
    package: Annotated[UUID, typer.Argument(help="Gói nộp / package")],
    kind: Annotated[Kind, typer.Option(help="Loại quyết định / what was decided")],
    decided_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày quyết định / its day")],
    instrument: Annotated[str, typer.Option(help="Số, ký hiệu văn bản / number of the instrument")],
    authority: Annotated[str, typer.Option(help="Cơ quan quyết định / the deciding body")],
    relation: Annotated[Relation, typer.Option(help="Quan hệ với cơ quan xác định độ mật / what it is")],
    document: Annotated[
        int | None,
        typer.Option(min=0, help="Vị trí trong bản kê, từ 0; bỏ trống: hồ sơ / position; without: the dossier"),
    ] = None,
    agency: Annotated[UUID | None, typer.Option(help="Mã cơ quan trong danh bạ / its id in the registry")] = None,
    level: Annotated[str | None, typer.Option(help="mat | toi_mat | tuyet_mat")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hết hạn ngày / last day")] = None,
    effective_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Hiệu lực / in effect")] = None,
    annuls: Annotated[UUID | None, typer.Option(help="Bước bị hủy / the step taken back")] = None,
    list_item: Annotated[str, typer.Option(help="Mục trong danh mục / item of the list")] = "",
    json: Json = False,
) -> None:
    """Ghi nhận một quyết định về độ mật. / Record a decision on a classification."""
    terminal = terminal_for(context, json)
    form: dict[str, object] = {
        "document": document,
        "kind": kind.value,
        "decided_on": decided_on.date().isoformat(),
        "effective_on": None if effective_on is None else effective_on.date().isoformat(),
        "level": level,
        "until": None if until is None else until.date().isoformat(),
        "annuls": None if annuls is None else str(annuls),
        "list_item": list_item,
        "instrument": instrument,
        "authority": {
            "name": authority,
            "relation": relation.value,
            "agency": None if agency is None else str(agency),
        },
    }
    with gateway_for(context, terminal) as gateway:
        made = gateway.record(f"/v1/packages/{package}/classification/steps", form)
    terminal.data("classification_step", _step_line(terminal, made), **made)


def notified(
    context: typer.Context,
    step: Annotated[UUID, typer.Argument(help="Mã bước / the step")],
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày thông báo / the day")],
    instrument: Annotated[str, typer.Option(help="Số thông báo / number of the notice")],
    json: Json = False,
) -> None:
    """Ghi nhận đã thông báo cho nơi giữ tài liệu. / Record that whoever has the record was told."""
    terminal = terminal_for(context, json)
    day = on.date().isoformat()
    with gateway_for(context, terminal) as gateway:
        gateway.record(f"/v1/classification/steps/{step}/notice", {"notified_on": day, "instrument": instrument})
    terminal.data("classification_notified", f"{step}  {day}", step=str(step), notified_on=day)


def _record_line(terminal: Terminal, entry: Mapping[str, object]) -> str:
    at = entry["document"]
    which = terminal.words("hồ sơ", "dossier") if at is None else terminal.words(f"tài liệu {at}", f"document {at}")
    until = entry["until"]
    term = "" if until is None else terminal.words(f", đến hết {until}", f", until {until}")
    lines = [f"{which}: {_level(terminal, entry['level'])}{term}"]
    steps = entry["steps"]
    lines += [f"  {_step_line(terminal, step)}" for step in (steps if isinstance(steps, list) else [])]
    return "\n".join(lines)


def _step_line(terminal: Terminal, step: Mapping[str, object]) -> str:
    kind = terminal.pick(KINDS[str(step["kind"])])
    change = f"{_level(terminal, step['before'])} → {_level(terminal, step['after'])}"
    return f"{step['effective_on']}  {kind}  {change}  {step['instrument']}  {step['id']}"


def _level(terminal: Terminal, word: object) -> str:
    return terminal.pick(LEVELS[str(word)])
