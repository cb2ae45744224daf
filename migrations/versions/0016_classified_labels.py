"""Catalog: which labels ingest's steps gave the records of a package, beside what their seal says.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE catalog.classification (
    package uuid PRIMARY KEY,
    chain uuid NOT NULL,
    revision integer NOT NULL,
    labels jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
ALTER TABLE catalog.classification ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalog.classification FORCE ROW LEVEL SECURITY;
CREATE POLICY session_keeps ON catalog.classification TO nopluu_catalog
    USING ((SELECT catalog.session_writes())) WITH CHECK ((SELECT catalog.session_writes()));
GRANT SELECT, INSERT, UPDATE ON catalog.classification TO nopluu_catalog;
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
