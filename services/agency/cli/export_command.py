"""`nopluu export`: leave to take documents with access mode 03 out of the archive, by an approving paper.

    nopluu export ask DOCUMENT … --number 15/QĐ-UBND --decided-on 2026-11-20 --authority "Chủ tịch UBND tỉnh" \\
        --to "Thanh tra tỉnh" --until 2026-12-20
    nopluu export approve REQUEST                    # another person, at another client
    nopluu export list

Once it is approved, `nopluu get` by whoever asked works until the last day.

Source: DECISION-0031.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from services.agency.cli.at_gateway import gateway_for
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.paging import entries
from services.kernel.refusals.registry import Text

export_app = typer.Typer(no_args_is_help=True, help="Phê duyệt đưa tài liệu chế độ 03 ra ngoài / leave to take out")
STATES = {
    None: Text("chờ duyệt", "waits for approval"),
    "approved": Text("đã duyệt", "approved"),
    "declined": Text("đã bác", "declined"),
    "ended": Text("đã kết thúc", "ended"),
}

Request = Annotated[UUID, typer.Argument(help="Mã đề nghị / the request")]


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    export_app.command("ask")(ask)
    export_app.command("approve")(approve)
    export_app.command("decline")(decline)
    export_app.command("end")(end)
    export_app.command("list")(list_)
    app.add_typer(export_app, name="export")


def ask(
    context: typer.Context,
    documents: Annotated[list[UUID], typer.Argument(help="Mã văn bản, xem nopluu search / ids of documents")],
    number: Annotated[str, typer.Option(help="Số, ký hiệu văn bản phê duyệt / the paper's number")],
    decided_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày văn bản / its day")],
    authority: Annotated[str, typer.Option(help="Người phê duyệt / who approved on paper")],
    to: Annotated[str, typer.Option(help="Nơi nhận / who gets it")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Ngày cuối / the last day")],
    json: Json = False,
) -> None:
    """Đề nghị; chưa cho phép gì. / Ask; it allows nothing yet."""
    terminal = terminal_for(context, json)
    form: dict[str, object] = {
        "documents": [str(document) for document in documents],
        "number": number,
        "decided_on": decided_on.date().isoformat(),
        "authority": authority,
        "recipient": to,
        "until": until.date().isoformat(),
    }
    with gateway_for(context, terminal) as gateway:
        _tell(terminal, gateway.ask_catalog("/v1/exports", form))


def approve(context: typer.Context, request: Request, json: Json = False) -> None:
    """Duyệt đề nghị của người khác. / Approve another person's request."""
    _step(context, request, "approve", json)


def decline(context: typer.Context, request: Request, json: Json = False) -> None:
    """Bác hoặc rút đề nghị. / Decline or withdraw a request."""
    _step(context, request, "decline", json)


def end(context: typer.Context, request: Request, json: Json = False) -> None:
    """Kết thúc phê duyệt trước hạn. / End an approval before its day."""
    _step(context, request, "end", json)


def list_(context: typer.Context, json: Json = False) -> None:
    """Mọi đề nghị, theo thứ tự. / Every request, in order."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        for entry in entries(gateway.catalog, "/v1/exports", "items"):
            _tell(terminal, entry)


def _step(context: typer.Context, request: UUID, step: str, json: bool) -> None:
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        _tell(terminal, gateway.ask_catalog(f"/v1/exports/{request}/{step}", {}))


def _tell(terminal: Terminal, entry: Mapping[str, object]) -> None:
    steps, documents = entry["steps"], entry["documents"]
    last = steps[-1]["step"] if isinstance(steps, list) and steps else None
    count = len(documents) if isinstance(documents, list) else 0
    state = terminal.pick(STATES[last])
    terminal.data(
        "export",
        terminal.words(
            f"{entry['id']}  {entry['number']}  {count} văn bản  đến {entry['until']}  {state}",
            f"{entry['id']}  {entry['number']}  {count} documents  until {entry['until']}  {state}",
        ),
        **entry,
    )
