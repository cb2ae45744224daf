"""`nopluu-admin auth …`: what the operator does on the machine itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.auth.adapters.ledger_sql import SqlLedger
from services.auth.adapters.signing_keys import make_signing_key
from services.auth.adapters.world import RealWorld
from services.auth.usecases.bootstrap import Beginning, Begun, bootstrap
from services.kernel.refusals import Refusal
from services.runtime.database import create_engine

app = typer.Typer(help="Danh bạ và token / registry and tokens", no_args_is_help=True)
keys = typer.Typer(help="Khóa ký token / keys that sign tokens", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command("bootstrap")
def bootstrap_command(
    url_file: Annotated[
        Path,
        typer.Option(
            "--url-file",
            envvar="NOPLUU_DATABASE_URL_FILE",
            help="Tệp chứa URI của vai trò nopluu_auth / file with the URI of the role nopluu_auth",
        ),
    ],
    agency_code: Annotated[
        str, typer.Option("--agency-code", help="Mã định danh của cơ quan lưu trữ / the archive office's code")
    ],
    registrar_key: Annotated[
        Path, typer.Option("--registrar-key", help="Khóa công khai PEM / the first registrar's public key")
    ],
    service: Annotated[
        list[str],
        typer.Option("--service", help="TÊN=KHÓA.pem, lặp lại được / NAME=KEY.pem, may be repeated"),
    ],
    agency_name: Annotated[
        str, typer.Option("--agency-name", help="Tên cơ quan lưu trữ / the archive office's name")
    ] = "Lưu trữ lịch sử",
    registrar_officer: Annotated[
        str | None, typer.Option("--registrar-officer", help="Người giữ khóa / the person who holds it")
    ] = None,
) -> None:
    """Tạo cơ quan lưu trữ, tài khoản đăng ký đầu tiên và tài khoản của các dịch vụ; chạy lại được.

    Make the archive office, the first registrar and the services' clients; may be repeated. Prints their ids as JSON.
    """
    beginning = Beginning(
        agency_code=agency_code,
        agency_name=agency_name,
        registrar_key=registrar_key.read_bytes(),
        registrar_officer=registrar_officer,
        services=_services(service),
    )
    url = url_file.read_text(encoding="utf-8").strip()
    try:
        begun = asyncio.run(_bootstrap(url, beginning))
    except Refusal as refusal:
        typer.echo(f"{refusal.code}: {refusal.detail.filled(refusal.facts).vi}", err=True)
        raise typer.Exit(1) from refusal
    typer.echo(json.dumps(_shown(begun), ensure_ascii=False))


@keys.command("new")
def new_key_command(
    folder: Annotated[
        Path,
        typer.Option(
            "--folder",
            envvar="NOPLUU_SIGNING_KEYS_DIR",
            help="Thư mục khóa ký token / folder of the keys that sign tokens",
        ),
    ],
) -> None:
    """Tạo khóa ký token mới; khóa được công bố ngay và bắt đầu ký sau 24 giờ (khóa đầu tiên: ngay).

    Make a new key: published at once, signing after a day (the first one: at once). Prints its name as JSON.
    """
    typer.echo(json.dumps({"kid": make_signing_key(folder, time.time())}))


async def _bootstrap(url: str, beginning: Beginning) -> Begun:
    engine = create_engine(url, application_name="nopluu-admin", pool_size=1)
    try:
        return await bootstrap(beginning, ledger=SqlLedger(engine), world=RealWorld())
    finally:
        await engine.dispose()


def _services(pairs: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not name.isidentifier() or name in found:
            raise typer.BadParameter(f"{pair}: TÊN=KHÓA.pem / NAME=KEY.pem", param_hint="--service")
        found[name] = Path(path).read_bytes()
    return found


def _shown(begun: Begun) -> dict[str, object]:
    return {
        "agency": str(begun.agency),
        "registrar": {"client_id": str(begun.registrar), "kid": begun.registrar_kid},
        "services": {name: {"client_id": str(client), "kid": kid} for name, (client, kid) in begun.services.items()},
    }
