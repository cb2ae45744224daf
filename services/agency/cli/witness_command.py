"""`nopluu witness …`: a witness of a log, on another body's machine.

Source: C2SP tlog-witness; DESIGN 8.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from services.agency.cli.context import Json, terminal_for
from services.agency.errors import UsageError
from services.agency.witness.serving import WitnessServer
from services.agency.witness.state import WitnessState, add_log, make
from services.kernel.refusals.registry import Text

witness_app = typer.Typer(
    no_args_is_help=True, help="Nhân chứng của nhật ký, chạy ở cơ quan khác / A witness, on another body's machine"
)
Folder = Annotated[Path, typer.Argument(help="Thư mục của nhân chứng / the witness's folder")]


def register(app: typer.Typer) -> None:
    """Add the command to `nopluu`."""
    app.add_typer(witness_app, name="witness")


@witness_app.command("init")
def init(
    context: typer.Context,
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="Tên, ví dụ thanh-tra.example/w1 / its name")],
    logs: Annotated[list[str] | None, typer.Option("--log", help="Khóa công khai (vkey) của nhật ký / a log's key")] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Tạo khóa nhân chứng và in khóa công khai. / Make the witness's key; prints its public key."""
    terminal = terminal_for(context, json)
    key = make(folder, name)
    for log in logs or []:
        add_log(folder, log)
    terminal.data("witness", str(key), key=str(key), folder=str(folder))


@witness_app.command("add-log")
def add(
    context: typer.Context,
    folder: Folder,
    vkey: Annotated[str, typer.Argument(help="Khóa công khai (vkey) / the log's public key")],
    json: Json = False,
) -> None:
    """Thêm một nhật ký mà nhân chứng theo dõi; khóa cũ vẫn giữ. / Add a log's key; earlier ones stay."""
    key = add_log(folder, vkey)
    terminal_for(context, json).data("log", str(key), key=str(key))


@witness_app.command("serve")
def serve(
    context: typer.Context,
    folder: Folder,
    listen: Annotated[str, typer.Option("--listen", help="máy:cổng / host:port")] = "127.0.0.1:7380",
    json: Json = False,
) -> None:
    """Đồng ký các điểm kiểm đúng, từ chối nhật ký rẽ nhánh. / Cosign true checkpoints; refuse a forked log."""
    terminal = terminal_for(context, json)
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError("listen", Text("Địa chỉ phải có dạng máy:cổng", "The address must be host:port"))
    state = WitnessState(folder)
    try:
        with WitnessServer((host.strip("[]"), int(port)), state) as server:
            bound = f"{server.server_address[0]!s}:{server.server_address[1]}"
            terminal.data(
                "serving",
                terminal.words(f"Nhân chứng đang chạy tại {bound}", f"The witness serves at {bound}"),
                address=bound,
                key=str(state.signer.verifier),
                logs=state.origins,
            )
            serving = threading.Thread(target=server.serve_forever, daemon=True)
            serving.start()
            try:
                threading.Event().wait()
            finally:
                server.shutdown()
                serving.join()
    finally:
        state.close()
