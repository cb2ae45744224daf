"""The migrations from zero make what the services' tables say, once, and give each role only its own."""

from __future__ import annotations

import asyncio
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from migrations.run import FOLDER, migrate, newest
from tests.support.postgres import Database

SERVICES = sorted(path.parents[1].name for path in (FOLDER.parent / "services").glob("*/adapters/tables.py"))
# Kept by `migrations/shared_ddl.py` for each service, and read by `services/runtime/nonces.py` only.
SHARED = ("nonce",)


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_from_zero_equal_the_services_tables(database: Database, service: str) -> None:
    metadata: MetaData = importlib.import_module(f"services.{service}.adapters.tables").metadata
    engine = create_engine(make_url(database.admin_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition")
        partitions = {name for (name,) in rows}

        def ours(name: str | None, kind: str, parents: Any) -> bool:
            if kind == "schema":
                return name == service
            return kind != "table" or (name not in partitions and name not in SHARED)

        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": ours,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert metadata.tables
    assert differences == []


def test_every_service_that_keeps_rows_is_compared() -> None:
    assert set(SERVICES) == {"auth", "catalog", "ingest"}


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = _catalogue(database)
    migrate(database.admin_url)
    assert _catalogue(database) == before
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("SELECT version_num FROM public.migration").fetchall() == [(newest(),)]


def test_a_stored_part_keeps_its_digest_and_says_which_it_is(empty_database: Database) -> None:
    migrate(empty_database.admin_url, "0019")
    with psycopg.connect(empty_database.admin_url) as connection:
        connection.execute("ALTER TABLE ingest.part DROP CONSTRAINT part_package_fkey")
        connection.execute(
            "INSERT INTO ingest.part (package, number, attempt, sha256, size, stored_size, ciphertext_sha256,"
            " object_version, stored_at) VALUES (gen_random_uuid(), 0, gen_random_uuid(), '', 1, 1, %s, 'v', now())",
            (bytes(range(32)),),
        )
    migrate(empty_database.admin_url)
    with psycopg.connect(empty_database.admin_url) as connection:
        found = connection.execute("SELECT ciphertext_digest FROM ingest.part").fetchall()
    assert found == [(f"sha256:{bytes(range(32)).hex()}",)]


async def test_two_migrations_at_once_both_succeed(empty_database: Database) -> None:
    program = "import sys; from migrations.run import migrate; migrate(sys.argv[1])"
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_database.admin_url, cwd=FOLDER.parent, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    told = await asyncio.gather(*(process.communicate() for process in running))
    assert [process.returncode for process in running] == [0, 0], told


def test_a_migration_that_would_wait_for_a_lock_gives_up(database: Database) -> None:
    with psycopg.connect(database.admin_url) as other:
        other.execute("LOCK TABLE public.migration IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate(database.admin_url)


def test_the_queue_is_the_librarys_own_schema() -> None:
    spec = find_spec("procrastinate")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    shipped = Path(spec.submodule_search_locations[0], "sql", "schema.sql").read_text(encoding="utf-8")
    frozen = (FOLDER / "queue_3_10.sql").read_text(encoding="utf-8")
    assert frozen == shipped, "procrastinate was upgraded: its own migration must become one of ours"


@pytest.mark.parametrize("service", ["auth", "ingest", "catalog", "journal"])
def test_a_role_sees_its_own_schemas_and_no_others(database: Database, service: str) -> None:
    own = {service} | ({f"{service}_queue"} if service in {"ingest", "catalog"} else set())
    # the one shared schema, of which services may only execute two functions
    with psycopg.connect(database.url_for(f"nopluu_{service}")) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace"
            " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')"
        ).fetchall()
        assert {name for (name,) in rows} == own | {"journal"}
        readable = connection.execute(
            "SELECT DISTINCT table_schema FROM information_schema.table_privileges"
            " WHERE grantee = current_user AND table_schema <> ALL (%s)",
            (list(own),),
        ).fetchall()
        assert readable == []


@pytest.mark.parametrize("service", ["auth", "ingest", "catalog", "journal"])
def test_a_role_owns_nothing_and_can_make_nothing(database: Database, service: str) -> None:
    with psycopg.connect(database.url_for(f"nopluu_{service}"), autocommit=True) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        ).fetchone()
        assert owned == (0,)
        for schema in (service, "public"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"CREATE TABLE {schema}.mine (id int)".encode())
        flags = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        assert flags == (False, False, False, False, False)


def test_functions_with_the_owners_rights_are_closed_to_public(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE prosecdef AND nspname !~ '^pg_' AND"
            " (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))"
        ).fetchall()
        assert rows == []
        unfixed = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE prosecdef AND nspname !~ '^pg_' AND"
            " NOT EXISTS (SELECT FROM unnest(proconfig) setting WHERE setting LIKE 'search_path=%%')"
        ).fetchall()
        assert unfixed == []


def _catalogue(database: Database) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(
            "SELECT nspname, relname, relkind, relacl::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname !~ '^pg_' ORDER BY 1, 2"
        ).fetchall()
