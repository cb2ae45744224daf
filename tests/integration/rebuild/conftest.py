"""A second database, for after the loss."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from deploy.onebox.postgres import RunningPostgres
from tests.support.postgres import Database, clone


@pytest.fixture
def lost_and_found(postgres_server: RunningPostgres, database_template: str) -> Iterator[Database]:
    """The new, migrated, empty database after the loss."""
    made = clone(postgres_server, database_template)
    yield made
    with psycopg.connect(postgres_server.url_for("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)".encode())


@pytest.fixture
def empty_neighbour(postgres_server: RunningPostgres, database_template: str) -> Iterator[Database]:
    """The database of another deployment."""
    made = clone(postgres_server, database_template)
    yield made
    with psycopg.connect(postgres_server.url_for("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {made.name} WITH (FORCE)".encode())
