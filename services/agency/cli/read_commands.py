"""`nopluu status`, `search`, `get`, `receipt`: what became of it, and getting it back."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.agency.cli.context import Json, context_of, terminal_for
from services.agency.cli.progress import Shown, progress_on
from services.agency.cli.terminal import Terminal
from services.agency.errors import UsageError
from services.agency.gateway import Gateway
from services.agency.profile import write_private
from services.kernel.refusals.registry import Text


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    app.command("status")(status)
    app.command("search")(search)
    app.command("get")(get)
    app.command("receipt")(receipt)


def _gateway(context: typer.Context, terminal: Terminal, observer: Shown) -> Gateway:
    return Gateway(context_of(context).profile(), observer=observer, language=terminal.language)


def status(
    context: typer.Context,
    package: Annotated[
        UUID | None, typer.Argument(help="Gói nộp; bỏ trống để liệt kê / a package; all without")
    ] = None,
    json: Json = False,
) -> None:
    """Trạng thái một gói, hoặc các gói của cơ quan. / The state of a package, or of this agency's packages."""
    terminal = terminal_for(context, json)
    with progress_on(terminal) as progress, _gateway(context, terminal, progress) as gateway:
        labels = {pushed.package: pushed.label for pushed in gateway.state.packages()}
        answer = gateway.status(package)
        entries = [answer] if package is not None else _objects(answer, "items", "packages")
        for entry in entries:
            id_ = _said(entry, "package") or _said(entry, "id")
            label = labels.get(id_, "")
            missing = _count(entry.get("missing"))
            terminal.data(
                "package",
                f"{id_}  {_said(entry, 'state')}  {label}"
                + (terminal.words(f"  thiếu {missing} phần", f"  {missing} parts missing") if missing else ""),
                label=label,
                **entry,
            )
            for finding in _objects(entry, "findings"):
                terminal.data("finding", f"  {json_module.dumps(finding, ensure_ascii=False)}", **finding)
            if isinstance(problem := entry.get("problem"), dict) and not terminal.json:
                terminal.data("problem", f"  {problem.get('title', '')}: {problem.get('detail', '')}")


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Có dấu hay không dấu đều được / with or without diacritics")],
    fonds: Annotated[str | None, typer.Option(help="Mã phông / fonds")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Từ ngày yyyy-mm-dd / from")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Đến ngày yyyy-mm-dd / to")] = None,
    after: Annotated[str | None, typer.Option(help="Trang tiếp theo / next page")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    json: Json = False,
) -> None:
    """Tìm trong mục lục của kho lưu trữ. / Search the archive's catalog."""
    terminal = terminal_for(context, json)
    stated = {"fonds": fonds, "from": since, "to": until, "after": after}
    filters: dict[str, str | int] = {name: value for name, value in stated.items() if value is not None}
    with progress_on(terminal) as progress, _gateway(context, terminal, progress) as gateway:
        found = gateway.search(query, limit=limit, **filters)
    for item in _objects(found, "items"):
        said = [_said(item, name) for name in ("issued_on", "number", "subject", "title")]
        terminal.data("document", "  ".join([_said(item, "document"), *(word for word in said if word)]), **item)
    following = found.get("next")
    if terminal.json:
        terminal.data("page", "", next=following)
    elif following:
        terminal.note("page", terminal.words(f"còn nữa: --after {following}", f"more: --after {following}"))


def get(
    context: typer.Context,
    wanted: Annotated[
        UUID, typer.Argument(help="Tệp, tài liệu, hồ sơ hoặc gói / component, document, dossier or package")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Thư mục đích / target folder")] = Path(),
    json: Json = False,
) -> None:
    """Tải về nguyên vẹn, đã kiểm mã băm. / Fetch back, digest checked."""
    terminal = terminal_for(context, json)
    with progress_on(terminal) as progress, _gateway(context, terminal, progress) as gateway:
        for path in gateway.get(wanted, output):
            terminal.data("file", str(path), path=str(path), size=path.stat().st_size)


def receipt(
    context: typer.Context,
    package: Annotated[UUID, typer.Argument(help="Gói nộp / package")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Tệp đích / target file")] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help="Ghi cả bản kê / write the manifest too")] = None,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Lập lại theo điểm kiểm mới nhất, kiểm tra nhật ký nối tiếp / anew, under a later checkpoint",
        ),
    ] = False,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="Với --refresh: ghi bằng chứng nối tiếp / write the proof")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Trang cho hồ sơ giấy, .html hoặc .pdf / a page for the paper file")
    ] = None,
    json: Json = False,
) -> None:
    """Lấy biên nhận đã kiểm chứng. / Fetch the verified receipt."""
    terminal = terminal_for(context, json)
    if page is not None and page.suffix not in (".html", ".pdf"):
        raise UsageError("page-kind", Text("Trang phải là .html hoặc .pdf", "The page must be .html or .pdf"))
    if proof is not None and not refresh:
        raise UsageError("proof-alone", Text("--proof cần --refresh", "--proof needs --refresh"))
    with progress_on(terminal) as progress, _gateway(context, terminal, progress) as gateway:
        place = gateway.state.receipt_path(str(package))
        if refresh:
            refreshed = gateway.refresh(place.read_bytes() if place.exists() else gateway.receipt(package))
            content = refreshed.receipt
            gateway.state.keep_receipt(str(package), content)
            if proof is not None:
                proof.write_text(refreshed.proof, "utf-8")
            terminal.note(
                "refreshed",
                terminal.words(
                    f"nhật ký nối tiếp: {refreshed.earlier.size} → {refreshed.later.size} lá",
                    f"the log only grew: {refreshed.earlier.size} → {refreshed.later.size} leaves",
                ),
                earlier=refreshed.earlier.size,
                later=refreshed.later.size,
            )
        else:
            content = gateway.receipt(package)
        if output is not None:
            write_private(output.absolute(), content)
            place = output
        if manifest is not None:
            write_private(manifest.absolute(), gateway.manifest(package))
        if page is not None:
            write_private(page.absolute(), gateway.paper(package, content, pdf=page.suffix == ".pdf"))
    terminal.data("receipt", str(place), package=str(package), receipt=str(place))


def _objects(value: Mapping[str, object], *names: str) -> list[dict[str, object]]:
    for name in names:
        entries = value.get(name)
        if isinstance(entries, list):
            return [entry for entry in entries if isinstance(entry, dict)]
    return []


def _count(ranges: object) -> int:
    if not isinstance(ranges, list):
        return 0
    return sum(entry[1] - entry[0] + 1 for entry in ranges if isinstance(entry, list) and len(entry) == 2)


def _said(value: Mapping[str, object], name: str) -> str:
    member = value.get(name)
    return "" if member is None else str(member)
