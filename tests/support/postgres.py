"""A real PostgreSQL for tests: one server a session, one migrated template, one clone a test.

`pytest_plugins` in `tests/conftest.py` makes these fixtures known everywhere; a test that takes none starts nothing.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.onebox import postgres
from deploy.onebox.postgres import OWNER, RunningPostgres
from migrations.run import migrate
from tests.support.components import took_part

_TEMPLATE = "template_nopluu"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One test's own database, migrated to the newest schema."""

    server: RunningPostgres
    name: str

    def url_for(self, role: str) -> str:
        """The URI of a role (`nopluu_ingest`, …), or of the owner (`postgres`)."""
        return self.server.url_for(role, self.name)

    @property
    def admin_url(self) -> str:
        return self.url_for(OWNER)


@pytest.fixture
def postgres_folder() -> Iterator[Path]:
    """A folder for a server of the test's own (`postgres.start(postgres_folder)`), removed afterwards.

    Not under `tmp_path`: whenever anyone starts pytest it closes the folder above to other users, and as root the server
    runs as another user.
    """
    folder = Path(tempfile.mkdtemp(prefix="nopluu-pg-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[RunningPostgres]:
    """The session's server, without fsync: no machine crashes here. Tests that kill a server start their own."""
    folder = Path(tempfile.mkdtemp(prefix="nopluu-pg-"))
    server = postgres.start(folder, durable=False)
    took_part("PostgreSQL", postgres.version())
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def database_template(postgres_server: RunningPostgres) -> str:
    """The name of a database that holds all migrations and no rows; nothing may be connected to it."""
    _administer(postgres_server, f"CREATE DATABASE {_TEMPLATE}")
    migrate(postgres_server.url_for(OWNER, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database(postgres_server: RunningPostgres, database_template: str) -> Iterator[Database]:
    """A fresh clone of the template, dropped afterwards with whatever is still connected."""
    made = clone(postgres_server, database_template)
    try:
        yield made
    finally:
        _administer(postgres_server, f"DROP DATABASE {made.name} WITH (FORCE)")


@pytest.fixture
def empty_database(postgres_server: RunningPostgres) -> Iterator[Database]:
    """A database without any migration."""
    made = clone(postgres_server, "template1")
    try:
        yield made
    finally:
        _administer(postgres_server, f"DROP DATABASE {made.name} WITH (FORCE)")


def clone(server: RunningPostgres, template: str) -> Database:
    """A new database like the template."""
    name = f"test_{next(_NUMBERS)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return Database(server, name)


def _administer(server: RunningPostgres, statement: str) -> None:
    with psycopg.connect(server.url_for(OWNER, "postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())
