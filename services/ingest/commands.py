"""`nopluu-admin ingest …`: what the operator does on the machine itself, with ingest's own settings."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from services.ingest.adapters.acts_sql import SqlActLedger
from services.ingest.adapters.erasures_sql import CUSTODY_JOBS
from services.ingest.adapters.fixity import Fixity, PartRead, Slice, check_fixity
from services.ingest.adapters.key_rows import SqlKeyLedger, StoreRecords
from services.ingest.adapters.ledger_sql import SqlLedger
from services.ingest.adapters.lost_parts import ListedParts
from services.ingest.adapters.package_keys import KmsKeys
from services.ingest.adapters.rebuild_sql import OwnersBooks
from services.ingest.adapters.reconciliation import Reconciliation, reconcile
from services.ingest.adapters.standing import Standing, standing
from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.adapters.world import SystemWorld
from services.ingest.settings import IngestSettings
from services.ingest.usecases.abandon_package import expire_packages
from services.ingest.usecases.key_ports import KekStanding
from services.ingest.usecases.reap_attempts import reap_attempts
from services.ingest.usecases.rebuild_packages import LogNotRestored, Rebuilt, rebuild_packages
from services.ingest.usecases.retire_kek import KekNeeded, Retiring, retire_kek
from services.ingest.usecases.rotate_kek import rotate_kek
from services.ingest.usecases.seal_acts import FixedPage
from services.kernel.canonical import rfc3339
from services.kernel.refusals import Refusal
from services.kernel.sealing.act_book import ActPage, is_acts_kek, page_name
from services.kernel.sealing.rebuilding import NotEmpty
from services.runtime import database
from services.runtime.jobs import Tasks
from services.runtime.kms.cache import CachedKeys
from services.runtime.kms.settings import KmsAlone, opened_kms
from services.runtime.object_store.s3 import S3Store
from services.runtime.one_at_a_time import AlreadyRunning, alone
from services.runtime.rebuild_report import (
    LOG_FIRST,
    NOT_EMPTY,
    REBUILD,
    RUNNING,
    AcceptLosses,
    AdmitUnlogged,
    OwnerUrl,
    finish,
    show_progress,
    stop,
    url_of,
)
from services.runtime.recovered_acts import PagesRead, RecoveredActs
from services.runtime.recovered_records import RecoveredRecords

app = typer.Typer(help="Gói nộp / packages", no_args_is_help=True)
_QUEUE = "ingest_queue"
_T = TypeVar("_T")


@app.command("status")
def status_command() -> None:
    """Số gói theo trạng thái, việc dọn dẹp còn chờ / packages by state, and what waits to be cleared away. JSON."""

    async def ask(_: SqlLedger, __: S3Vault, found: Standing) -> Standing:
        return found

    found = _run(ask)
    typer.echo(json.dumps({"packages": found.packages, "attempts": found.attempts, "messages": found.messages}))


@app.command("reap")
def reap_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Chỉ đếm, không xóa / count only, remove nothing")] = False,
) -> None:
    """Xóa dữ liệu của các lần gửi hỏng, kết thúc gói quá hạn / remove what lost attempts left, end overdue packages."""

    async def reap(ledger: SqlLedger, vault: S3Vault, found: Standing) -> int:
        if dry_run:
            return found.attempts["lost"]
        world = SystemWorld()
        while await expire_packages(ledger=ledger, world=world):
            pass
        reaped = 0
        while count := await reap_attempts(ledger=ledger, vault=vault, world=world):
            reaped += count
        return reaped

    typer.echo(json.dumps({"reaped": _run(reap), "dry_run": dry_run}))


@app.command("acts")
def acts_command() -> None:
    """Đọc lại toàn bộ sổ việc trong kho như khi phục hồi, không thay đổi gì / read the store's act book as a rebuild would. JSON.

    Exit code 1 where a page is missing or not taken: each is named. What waits in the database is counted beside.
    """
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    async def look() -> tuple[PagesRead, int, FixedPage | None]:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)

        async def only_read(_: ActPage) -> None:
            return

        try:
            async with S3Store(settings.s3()) as store, opened_kms(settings, environment=settings.environment) as kms:
                async with SqlActLedger(engine).transaction() as books:
                    waiting, fixed = await books.waiting(), await books.unstored()
                return await RecoveredActs(store, kms, engine).read(only_read), waiting.count, fixed
        finally:
            await engine.dispose()

    read, waiting, fixed = asyncio.run(look())
    on_its_way = None if fixed is None else page_name(fixed.number)
    refused = [entry for entry in read.refused if (entry.name, entry.code) != (on_its_way, "acts-missing")]
    finish({"pages": read.listed, "believed": len(read.judged.believed), "acts_waiting": waiting}, refused)


keys_app = typer.Typer(help="Khóa bọc khóa (KEK) / key-encryption keys", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
_Kek = Annotated[str, typer.Argument(help="FONDS/LEVEL/YEAR, như `keys status` in ra / as `keys status` prints it")]


@keys_app.command("check")
def keys_check_command() -> None:
    """KMS có mở được không; không cần cơ sở dữ liệu / whether the KMS can be used; needs no database. JSON."""

    async def check() -> tuple[str, bool]:
        settings = KmsAlone()  # type: ignore[call-arg]  # pydantic-settings reads the environment
        async with opened_kms(settings, environment=settings.environment) as kms:
            return settings.kms_kind, await kms.healthy()

    kind, healthy = asyncio.run(check())
    typer.echo(json.dumps({"kms": kind, "healthy": healthy}))
    if not healthy:
        raise typer.Exit(1)


@keys_app.command("status")
def keys_status_command() -> None:
    """Mỗi KEK: số khóa gói theo phiên bản, tiến độ xoay vòng / every KEK: package keys by version, and its rotation. JSON."""

    async def ask(ports: Retiring) -> dict[str, object]:
        async with ports.key_ledger.transaction() as books:
            found = await books.standings()
        return {"kms": await ports.kms.healthy(), "keks": [_standing(entry) for entry in found]}

    typer.echo(json.dumps(_run_with_kms(ask)))


@keys_app.command("rotate")
def keys_rotate_command(kek: _Kek) -> None:
    """Tạo phiên bản mới của KEK; worker bọc lại các khóa gói / make a new version; the workers re-wrap the package keys."""

    async def rotate(ports: Retiring) -> int:
        async with ports.key_ledger.transaction() as books:
            known = {found.kek for found in await books.standings()}
        if kek not in known and not (is_acts_kek(kek) and await ports.kms.newest(kek)):
            raise KekNeeded("unknown")
        return await rotate_kek(kek, ledger=ports.key_ledger, kms=ports.kms, world=ports.world)

    typer.echo(json.dumps({"kek": kek, "version": _run_with_kms(rotate)}))


@keys_app.command("retire")
def keys_retire_command(kek: _Kek) -> None:
    """Viết lại bản ghi khôi phục rồi hủy các phiên bản cũ / renew recovery records, then destroy the older versions.

    Bản sao lưu cơ sở dữ liệu từ trước khi xoay vòng sẽ không đọc được nữa / database backups of before the rotation become
    unreadable.
    """

    def tell(read: int, renewed: int) -> None:
        typer.echo(f"{read} đã đọc / read, {renewed} đã viết lại / renewed", err=True)

    done = _run_with_kms(lambda ports: retire_kek(kek, ports, tell=tell))
    typer.echo(json.dumps({"kek": kek, "destroyed_through": done.through, "records_renewed": done.renewed}))


def _standing(found: KekStanding) -> dict[str, object]:
    rotation = found.rotation
    return {
        "kek": found.kek,
        "package_keys": {str(version): count for version, count in found.versions.items()},
        "behind": found.behind,
        "rotation": rotation
        and {
            "version": rotation.version,
            "rotated_at": rfc3339(rotation.rotated_at),
            "ended_at": rotation.ended_at and rfc3339(rotation.ended_at),
            "broken": rotation.broken,
            "destroyed_through": rotation.retired,
        },
    }


def _run_with_kms(command: Callable[[Retiring], Awaitable[_T]]) -> _T:
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    async def with_kms() -> _T:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)
        tasks, world = Tasks(_QUEUE), SystemWorld()
        try:
            async with S3Store(settings.s3()) as store, opened_kms(settings, environment=settings.environment) as kms:
                ports = Retiring(
                    SqlKeyLedger(engine, tasks),
                    SqlLedger(engine, tasks),
                    S3Vault(store),
                    StoreRecords(store),
                    KmsKeys(CachedKeys(kms)),
                    kms,
                    world,
                )
                return await command(ports)
        finally:
            await engine.dispose()

    try:
        return asyncio.run(with_kms())
    except KekNeeded as error:
        typer.echo(json.dumps({"refused": error.reason, "count": error.count}), err=True)
        raise typer.Exit(1) from error
    except Refusal as error:
        typer.echo(json.dumps({"refused": error.code}), err=True)
        raise typer.Exit(1) from error


@app.command("rebuild")
def rebuild_command(
    url_file: OwnerUrl,
    admit_unlogged: AdmitUnlogged = False,
    accept_losses: AcceptLosses = False,
) -> None:
    """Phục hồi các gói nộp vào cơ sở dữ liệu trống, chỉ từ kho và KMS; dừng giữa chừng thì chạy lại.

    Restore packages into an empty database from store and KMS alone; run it again if it was stopped. Exit code 1 where
    a record was not taken: each is named.
    """
    try:
        rebuilt = asyncio.run(_rebuild(url_of(url_file), admit_unlogged=admit_unlogged, accept_losses=accept_losses))
    except AlreadyRunning as error:
        raise stop(RUNNING) from error
    except NotEmpty as error:
        raise stop(NOT_EMPTY) from error
    except LogNotRestored as error:
        raise stop(LOG_FIRST) from error
    counts = {"restored": rebuilt.restored, "present": rebuilt.present, "unexplained_leaves": rebuilt.unexplained}
    finish(counts, rebuilt.refused)


async def _rebuild(owner_url: str, *, admit_unlogged: bool, accept_losses: bool) -> Rebuilt:
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    owner = database.create_engine(owner_url, application_name="nopluu-rebuild")
    try:
        async with (
            alone(owner, REBUILD),
            S3Store(settings.s3()) as store,
            opened_kms(settings, environment=settings.environment) as kms,
        ):
            return await rebuild_packages(
                records=RecoveredRecords(store, kms, owner, owner, admit_unlogged),
                pages=RecoveredActs(store, kms, owner, owner, admit_unlogged),
                parts=ListedParts(owner, store),
                books=OwnersBooks(owner, Tasks(_QUEUE, queues=CUSTODY_JOBS)),
                now=SystemWorld().now,
                told=show_progress,
                accept_losses=accept_losses,
            )
    finally:
        await owner.dispose()


@app.command("reconcile")
def reconcile_command() -> None:
    """Đối chiếu kho đối tượng với cơ sở dữ liệu / compare the store's listing with the rows. JSON; exit code 1 if they differ."""
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    async def compare() -> Reconciliation:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)
        try:
            async with S3Store(settings.s3()) as store:
                return await reconcile(engine, store)
        finally:
            await engine.dispose()

    found = asyncio.run(compare())
    typer.echo(json.dumps(asdict(found)))
    if not found.clean:
        raise typer.Exit(1)


@app.command("fixity")
def fixity_command(
    slice_of: Annotated[
        str, typer.Option("--slice", help="K/N: chỉ phần thứ K trong N, đếm từ 0 / only slice K of N, from 0")
    ] = "0/1",
    rate: Annotated[int, typer.Option(help="MB/s tối đa, 0: không giới hạn / at most, 0: no limit")] = 0,
) -> None:
    """Đọc lại mọi phần trong kho và so với giá trị băm, không cần khóa / read every stored part against its digest, without any key.

    JSON; exit code 1 where a part is damaged or missing. A part is named by its package and number.
    """
    number, _, of = slice_of.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 0 <= int(number) < int(of) <= 256):
        raise typer.BadParameter("K/N, 0 ≤ K < N ≤ 256", param_hint="--slice")
    which = Slice(int(number), int(of))
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    counting = itertools.count(1)

    async def told(_: PartRead) -> None:
        if (parts := next(counting)) % 1000 == 0:
            typer.echo(f"{parts} phần/parts", err=True)

    async def check() -> Fixity:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)
        try:
            async with S3Store(settings.s3()) as store:
                return await check_fixity(engine, store, which=which, rate=rate * 1_000_000, told=told)
        finally:
            await engine.dispose()

    found = asyncio.run(check())
    typer.echo(json.dumps(asdict(found)))
    if not found.clean:
        typer.echo(
            "Lấy lại đúng phiên bản của các phần này từ bản sao của kho; không xóa bản hỏng trước khi có bản tốt.\n"
            "Bring back these versions from the store's replica; remove no broken one before the good one is there.",
            err=True,
        )
        raise typer.Exit(1)


def _run(command: Callable[[SqlLedger, S3Vault, Standing], Awaitable[_T]]) -> _T:
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment

    async def with_parts() -> _T:
        engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest-admin", pool_size=2)
        try:
            async with S3Store(settings.s3()) as store:
                return await command(SqlLedger(engine, Tasks(_QUEUE)), S3Vault(store), await standing(engine))
        finally:
            await engine.dispose()

    return asyncio.run(with_parts())
