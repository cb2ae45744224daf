"""`nopluu custodian`: expel or dispose of content, and see how far that is carried out.

    nopluu custodian erase PACKAGE --kind expulsion --component COMPONENT --instrument "12/QĐ-UBND" --confirm PACKAGE
    nopluu custodian status ORDER

Nothing brings back what was erased, so the package is named a second time. An order that may not have arrived is given
again under its own number (`--order`): the gateway answers it as it did.

Source: DESIGN 7 "Erasure".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID, uuid4

import typer

from services.agency.cli.at_gateway import gateway_for
from services.agency.cli.context import Json, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.errors import UsageError
from services.kernel.refusals.registry import Text

custodian_app = typer.Typer(no_args_is_help=True, help="Trục xuất, tiêu hủy nội dung / Expulsion and disposal")


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    custodian_app.command("erase")(erase)
    custodian_app.command("status")(status)
    app.add_typer(custodian_app, name="custodian")


def erase(
    context: typer.Context,
    package: Annotated[UUID, typer.Argument(help="Gói nộp / the package")],
    kind: Annotated[
        str,
        typer.Option(help="expulsion: khỏi mọi phiên bản / from every version; disposal: phiên bản này / this version"),
    ],
    instrument: Annotated[str, typer.Option(help="Số và ngày quyết định / number and date of the decision")],
    component: Annotated[
        list[UUID] | None, typer.Option(help="Mã tệp, lặp lại được; bỏ trống: cả gói / repeatable; without: all of it")
    ] = None,
    confirm: Annotated[
        UUID | None, typer.Option(help="Gõ lại mã gói nộp: không khôi phục được / the package again: there is no undo")
    ] = None,
    order: Annotated[UUID | None, typer.Option(help="Số lệnh, để ra lại đúng lệnh ấy / to give the same again")] = None,
    json: Json = False,
) -> None:
    """Hủy khóa của nội dung: không ai đọc được nữa. / Destroy content's keys: nobody reads it again."""
    terminal = terminal_for(context, json)
    if confirm != package:
        raise _unconfirmed(package)
    number = order or uuid4()
    again = terminal.words(
        f"lệnh {number}; nếu mất kết nối, chạy lại với --order {number}",
        f"order {number}; should the connection break, run again with --order {number}",
    )
    terminal.note("erasure_order", again, erasure=str(number))
    form: dict[str, object] = {"kind": kind, "package": str(package), "instrument": instrument}
    if component:
        form["components"] = [str(one) for one in component]
    with gateway_for(context, terminal) as gateway:
        done = gateway.order(f"/v1/erasures/{number}", form)
    _tell(terminal, done)


def status(
    context: typer.Context,
    order: Annotated[UUID, typer.Argument(help="Số lệnh / the order")],
    json: Json = False,
) -> None:
    """Một lệnh đã thực hiện đến đâu. / How far an order is carried out."""
    terminal = terminal_for(context, json)
    with gateway_for(context, terminal) as gateway:
        found = gateway.look(f"/v1/erasures/{order}")
    _tell(terminal, found)


def _unconfirmed(package: UUID) -> UsageError:
    return UsageError(
        "erasure-unconfirmed",
        Text(
            "Chưa xóa gì: lệnh này không khôi phục được và chưa được xác nhận",
            "Nothing was erased: there is no undo, and the order is not confirmed",
        ),
        Text(f"Kiểm tra mã gói nộp rồi thêm --confirm {package}", f"Check the package, then add --confirm {package}"),
    )


def _tell(terminal: Terminal, erasure: Mapping[str, object]) -> None:
    gone, kept = (_count(erasure, name) for name in ("components", "kept"))
    lines = [
        f"{erasure.get('erasure')}  {erasure.get('state')}  {erasure.get('kind')}  {erasure.get('package')}",
        terminal.words(f"  {gone} tệp không ai đọc được nữa", f"  {gone} components that nobody reads any more"),
    ]
    if kept:
        lines.append(
            terminal.words(
                f"  {kept} tệp còn ở phiên bản khác", f"  {kept} components that another version still holds"
            )
        )
    if erasure.get("state") == "finished":
        until = erasure.get("complete_from")
        lines.append(
            terminal.words(
                f"  bản lưu đã bị ghi đè; bản dự phòng cơ sở dữ liệu còn khóa đến {until}",
                f"  the stored copies are overwritten; backups of the database may hold the keys until {until}",
            )
        )
    else:
        lines.append(terminal.words("  đang ghi đè các bản lưu", "  the stored copies are being overwritten"))
    terminal.data("erasure", "\n".join(lines), **erasure)


def _count(erasure: Mapping[str, object], name: str) -> int:
    entries = erasure.get(name)
    return len(entries) if isinstance(entries, list) else 0
