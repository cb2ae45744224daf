"""`nopluu-admin journal …`: the log's key, an audit of all of it, and bringing leaves back from the store."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy.ext.asyncio import AsyncConnection

from services.journal.auditing import Audit, audit
from services.journal.exporting import Exported, export
from services.journal.refusing import LogRefused
from services.journal.restoring import SequencerActive, restore
from services.journal.settings import JournalSettings, LogKeyUnusable, signer_of
from services.kernel.tlog.audit_words import report, told
from services.kernel.tlog.notes import NoteInvalid, is_key_name
from services.kernel.tlog.receipts import ReceiptInvalid, checkpoint_of
from services.runtime.database import create_engine
from services.runtime.object_store.port import ObjectMissing, ObjectStore
from services.runtime.object_store.s3 import S3Store

app = typer.Typer(help="Nhật ký chống sửa / the tamper-evident log", no_args_is_help=True)
key = typer.Typer(help="Khóa ký điểm kiểm / the key that signs checkpoints", no_args_is_help=True)
app.add_typer(key, name="key")

Origin = Annotated[str, typer.Option("--origin", envvar="NOPLUU_LOG_ORIGIN", help="Tên nhật ký / the log's origin")]
_T = TypeVar("_T")


@key.command("new")
def key_new(origin: Origin, out: Annotated[Path, typer.Option("--out", help="Tệp khóa mới / new key file")]) -> None:
    """Tạo khóa Ed25519 và in khóa công khai / make an Ed25519 key and print its public vkey."""
    if not is_key_name(origin):
        raise typer.BadParameter("không được rỗng, có dấu cách hay dấu + / not empty, no space, no plus sign")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise typer.BadParameter("tệp đã có, không ghi đè / the file exists and is not overwritten") from error
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    typer.echo(str(signer_of(origin, out).verifier))


@key.command("show")
def key_show(
    origin: Origin,
    file: Annotated[Path, typer.Option("--key", envvar="NOPLUU_LOG_KEY_FILE", help="Tệp khóa / key file")],
) -> None:
    """In khóa công khai (vkey) để gửi cho người kiểm chứng / print the public vkey for those who verify."""
    try:
        typer.echo(str(signer_of(origin, file).verifier))
    except LogKeyUnusable as error:
        raise typer.BadParameter(str(error)) from error


@app.command("audit")
def audit_command(
    held: Annotated[
        list[Path] | None,
        typer.Option("--held", help="Điểm kiểm hoặc biên nhận giữ ở nơi khác / checkpoints or receipts kept elsewhere"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Một đối tượng JSON / one JSON object")] = False,
) -> None:
    """Tính lại toàn bộ nhật ký từ cơ sở dữ liệu và kho, nêu rõ chỗ sai; mã thoát 1 nếu có.

    Recompute the whole log from database and store and name what is wrong; exit code 1 where anything is.
    """

    async def work(connection: AsyncConnection, store: ObjectStore, settings: JournalSettings) -> Audit:
        keys = settings.log_verifiers()
        known = [checkpoint_of(path.read_bytes(), keys) for path in held or []]
        return await audit(connection, store, keys, held=known, witnesses=settings.policy().keys)

    try:
        found = _with_log(work)
    except (OSError, NoteInvalid, ReceiptInvalid) as error:
        raise typer.BadParameter(f"--held: {error}") from error
    if as_json:
        faults = [{**fault._asdict(), "vi": told(fault).vi, "en": told(fault).en} for fault in found.faults]
        summary = {"leaves": found.leaves, "events": found.events, "checkpoints": found.checkpoints}
        typer.echo(json.dumps({**summary, "faults": faults}, ensure_ascii=False))
    else:
        said = report(found.faults, found.leaves, found.checkpoints)
        typer.echo(f"{said.vi}\n\n{said.en}")
    if found.faults:
        raise typer.Exit(1)


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(help="Thư mục mới / a new folder")],
    rows: Annotated[
        bool, typer.Option("--rows/--no-rows", help="Kèm sự kiện từ cơ sở dữ liệu / with the database's events")
    ] = True,
) -> None:
    """Xuất nhật ký ra thư mục cho người kiểm tra; kiểm bằng nopluu verify-log, không cần mạng.

    Export the log to a folder for an auditor, who checks it with nopluu verify-log, without network.
    """

    async def work(connection: AsyncConnection, store: ObjectStore, settings: JournalSettings) -> Exported:
        return await export(connection, store, settings.log_verifiers(), folder, rows=rows)

    try:
        done = _with_log(work)
    except FileExistsError as error:
        raise typer.BadParameter("thư mục đã có tệp / the folder is not empty") from error
    except ObjectMissing as error:
        raise typer.BadParameter("kho thiếu một phần nhật ký / part of the log is missing in the store") from error
    typer.echo(json.dumps({"folder": str(folder), "leaves": done.leaves, "files": done.files, "rows": done.rows}))


@app.command("restore")
def restore_command() -> None:
    """Lấy lại các lá từ kho sau khi phục hồi cơ sở dữ liệu; dừng tiến trình journal trước.

    Bring leaves back from the store after the database was restored; stop the sequencer first.
    """
    try:
        found = _with_log(lambda connection, store, settings: restore(connection, store, settings.log_verifiers()))
    except SequencerActive as error:
        raise typer.BadParameter("tiến trình journal đang chạy / a sequencer is running") from error
    except ObjectMissing as error:
        raise typer.BadParameter("kho thiếu một phần nhật ký / part of the log is missing in the store") from error
    except LogRefused as refused:
        typer.echo(f"{refused.text.vi} {refused.fix.vi}\n{refused.text.en} {refused.fix.en}", err=True)
        raise typer.Exit(3) from refused
    typer.echo(json.dumps({"had": found.had, "restored": found.restored, "placed": found.placed}))


def _with_log(work: Callable[[AsyncConnection, ObjectStore, JournalSettings], Awaitable[_T]]) -> _T:
    """Do something with the log that the environment names."""

    async def run() -> _T:
        settings = JournalSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
        engine = create_engine(settings.database_url_file.read_text().strip(), application_name="nopluu-journal-admin")
        store = S3Store(settings.s3())
        try:
            async with engine.connect() as connection:
                return await work(connection, store, settings)
        finally:
            await store.close()
            await engine.dispose()

    return asyncio.run(run())
