"""Ingest: what fixity found broken, and when each slice of the parts was last read whole (DECISION-0033).

Revision ID: 0034
Revises: 0033
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.part_fault (
    package uuid,
    number integer,
    fault text NOT NULL CHECK (fault IN ('damaged', 'missing', 'unread')),
    found_at timestamptz NOT NULL,
    PRIMARY KEY (package, number)
);
CREATE TABLE ingest.fixity_reading (
    slices integer,
    slice integer,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (slices, slice)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON ingest.part_fault, ingest.fixity_reading TO nopluu_ingest;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
