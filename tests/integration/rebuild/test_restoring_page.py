"""Every table of the database is accounted for: restored from records, kept in the nightly file, or lost with a reason."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import psycopg

from tests.support.postgres import Database
from tests.support.rebuilding import COMPARED

PAGE = (Path(__file__).parents[3] / "services" / "RESTORING.md").read_text("utf-8")
COMING_BACK = PAGE[PAGE.index("## What comes back from where") :]


def tables(database: Database) -> set[str]:
    """All but partitions, which come and go with their tables."""
    query = (
        "SELECT nspname || '.' || relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname IN ('auth', 'ingest', 'catalog', 'journal')"
    )
    with psycopg.connect(database.admin_url) as connection:
        return {name for (name,) in connection.execute(query).fetchall()}


def patterns(option: str) -> list[str]:
    return re.findall(rf"--{option}='([^']+)'", PAGE)


def named() -> list[str]:
    return re.findall(r"`([a-z]+\.[a-z_]+|\*\.[a-z_]+)`", COMING_BACK)


def test_no_table_is_forgotten(database: Database) -> None:
    def matches(table: str, wanted: list[str]) -> bool:
        return any(fnmatch.fnmatch(table, pattern) for pattern in wanted)

    unkept = {
        table
        for table in tables(database)
        if not matches(table, patterns("table")) or matches(table, patterns("exclude-table"))
    }
    marks = {table for table in unkept if table.endswith(".rebuild")}  # of a database, not of the archive
    assert {table for table in unkept - marks if not matches(table, named())} == set()


def test_what_the_page_says_is_compared_row_for_row() -> None:
    told = {name for name in named() if not name.startswith(("auth.", "*"))}
    compared = {f"{schema}.{table}" for schema, names in COMPARED.items() for table in names}
    assert compared <= told
