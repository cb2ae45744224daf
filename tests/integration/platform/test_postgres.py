"""The wheel's PostgreSQL as `make run` uses it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from deploy.onebox import postgres
from deploy.onebox.postgres import PostgresDown


def test_what_was_committed_outlives_a_kill(postgres_folder: Path) -> None:
    server = postgres.start(postgres_folder)
    try:
        with psycopg.connect(server.admin_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        assert not server.is_running()
        server = postgres.start(postgres_folder)
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
            told = connection.execute(
                "SELECT name, setting FROM pg_settings"
                " WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses')"
            ).fetchall()
        assert dict(told) == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
        }
    finally:
        server.stop()


def test_only_the_sockets_folder_leads_in(postgres_folder: Path) -> None:
    server = postgres.start(postgres_folder, durable=False)
    try:
        for folder in (postgres_folder, Path(server.admin_url.split("host=")[1])):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        server.stop()


def test_a_path_too_long_for_a_socket_is_no_obstacle(postgres_folder: Path) -> None:
    folder = postgres_folder / ("d" * 60) / ("e" * 60) / "pg"
    server = postgres.start(folder, durable=False)
    try:
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_neither_a_value_nor_a_statement_enters_the_servers_log(postgres_folder: Path) -> None:
    server = postgres.start(postgres_folder, durable=False)
    try:
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE note (title text PRIMARY KEY, n int)")
            connection.execute("INSERT INTO note VALUES ('CANARY', 1)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO note VALUES ('CANARY', 1)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO note VALUES (%s, 1)", ("CANARY",))
            with (
                pytest.raises(psycopg.errors.InvalidTextRepresentation),
                connection.cursor() as cursor,
                cursor.copy("COPY note FROM STDIN") as copy,
            ):
                copy.write("CANARY2\tCANARY3\n")
    finally:
        server.stop()
    log = (postgres_folder / "log").read_text(encoding="utf-8")
    assert "ready to accept connections" in log
    assert "CANARY" not in log


_STARTER = """
import os, sys
from pathlib import Path
from deploy.onebox import postgres
server = postgres.start(Path(sys.argv[1]), durable=False)
print(server.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_server_left_behind_by_a_killed_run_is_replaced(postgres_folder: Path) -> None:
    root = str(Path(__file__).parents[3])
    ran = subprocess.run(
        [sys.executable, "-c", _STARTER, str(postgres_folder)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert ran.returncode == -signal.SIGKILL
    orphan = int(ran.stdout)
    os.kill(orphan, 0)
    server = postgres.start(postgres_folder, durable=False)
    try:
        assert server.pid != orphan
        with psycopg.connect(server.admin_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why(postgres_folder: Path) -> None:
    with pytest.raises(PostgresDown, match="no_such_setting"):
        postgres.start(postgres_folder, durable=False, settings={"no_such_setting": "1"})
