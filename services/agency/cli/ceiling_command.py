"""`nopluu ceiling`: what each agency may hand in over the independent LAN, decided by two officers of the police.

    nopluu ceiling propose AGENCY --level mat --from 2026-12-01 --number 15/QĐ-CAT --decided-on 2026-11-20 \\
        --authority "Giám đốc Công an tỉnh"
    nopluu ceiling approve DECISION                  # another officer, with the scope rule-approver
    nopluu ceiling list --agency AGENCY

To lower or withdraw one, propose another with its own first day: `--level none` withdraws.

Source: DECISION-0024.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from services.agency.cli.at_gateway import gateway_for
from services.agency.cli.classification_command import LEVELS
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.paging import entries
from services.kernel.refusals.registry import Text

ceiling_app = typer.Typer(no_args_is_help=True, help="Mức mật cao nhất của cơ quan / what agencies may hand in")
OUTCOMES = {
    None: Text("chờ duyệt", "waits for approval"),
    "approved": Text("đã duyệt", "approved"),
    "declined": Text("đã bác", "declined"),
}

Decision = Annotated[UUID, typer.Argument(help="Mã quyết định / the decision")]


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    ceiling_app.command("propose")(propose)
    ceiling_app.command("approve")(approve)
    ceiling_app.command("decline")(decline)
    ceiling_app.command("list")(list_)
    app.add_typer(ceiling_app, name="ceiling")


def propose(
    context: typer.Context,
    agency: Annotated[UUID, typer.Argument(help="Mã cơ quan trong danh bạ / its id in the registry")],
    level: Annotated[str, typer.Option(help="none | mat | toi_mat")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="Từ ngày / its first day")],
    number: Annotated[str, typer.Option(help="Số, ký hiệu quyết định / the decision's number")],
    decided_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày quyết định / its day")],
    authority: Annotated[str, typer.Option(help="Người quyết định / who decided")],
    valid_to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Ngày đầu tiên hết hiệu lực / first day without it"),
    ] = None,
    json: Json = False,
) -> None:
    """Đề xuất mức mật cao nhất của một cơ quan. / Propose what an agency may hand in."""
    terminal = terminal_for(context, json)
    form: dict[str, object] = {
        "level": level,
        "valid_from": valid_from.date().isoformat(),
        "valid_to": None if valid_to is None else valid_to.date().isoformat(),
        "number": number,
        "decided_on": decided_on.date().isoformat(),
        "authority": authority,
    }
    with gateway_for(context, terminal) as gateway:
        _tell(terminal, gateway.decide(f"/v1/agencies/{agency}/ceilings", form))


def approve(context: typer.Context, decision: Decision, json: Json = False) -> None:
    """Duyệt đề xuất của cán bộ khác. / Approve another officer's proposal."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        _tell(terminal, gateway.decide(f"/v1/ceilings/{decision}/approve", {}))


def decline(context: typer.Context, decision: Decision, json: Json = False) -> None:
    """Bác hoặc rút đề xuất. / Decline or withdraw a proposal."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        _tell(terminal, gateway.decide(f"/v1/ceilings/{decision}/decline", {}))


def list_(
    context: typer.Context,
    agency: Annotated[UUID | None, typer.Option(help="Chỉ của cơ quan này / of this agency only")] = None,
    json: Json = False,
) -> None:
    """Mọi quyết định, theo thứ tự đề xuất. / Every decision, in the order of proposal."""
    terminal = terminal_for(context, json)
    asked = {} if agency is None else {"agency": str(agency)}
    with gateway_for(context, terminal) as gateway:
        for entry in entries(gateway.registry, "/v1/ceilings", "ceilings", **asked):
            _tell(terminal, entry)


def _tell(terminal: Terminal, entry: Mapping[str, object]) -> None:
    level = terminal.pick(LEVELS[str(entry["level"])])
    end = (
        ""
        if entry["valid_to"] is None
        else terminal.words(f" đến trước {entry['valid_to']}", f" until {entry['valid_to']}")
    )
    outcome = entry["outcome"]
    state = terminal.pick(OUTCOMES[None if outcome is None else str(outcome)])
    terminal.data(
        "ceiling",
        f"{entry['agency']}  {level}  {entry['valid_from']}{end}  {entry['number']}  {state}  {entry['id']}",
        **entry,
    )
