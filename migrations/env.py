"""Runs inside Alembic: one connection, one lock, one transaction a migration.

Two migrations at once are refused by an advisory lock; a migration that would wait long for a table's lock gives up,
so that it never stands in front of the services' own statements.

Source: style notes §7 habit 8.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

# "nopluu" in ASCII: any fixed number that no one else takes.
ADVISORY_LOCK = 0x6E6F706C7575
LOCK_WAIT = "60s"
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "5min"


def run() -> None:
    url = make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool, connect_args={"application_name": "nopluu-migrate"})
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT}'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            version_table="migration",
            version_table_schema="public",
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
