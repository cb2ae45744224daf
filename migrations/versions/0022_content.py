"""Ingest: how far each sealed package was looked into, and in which files a mark of secrecy was found (DECISION-0025).

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.content_inspection (
    package uuid PRIMARY KEY REFERENCES ingest.package (id),
    matcher smallint NOT NULL,
    next_position integer NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}'::jsonb,
    finished_at timestamptz
);
CREATE TABLE ingest.content_finding (
    package uuid REFERENCES ingest.package (id),
    component uuid,
    outcome text NOT NULL,
    marks text[] NOT NULL,
    page integer NOT NULL,
    matcher smallint NOT NULL,
    inspected_at timestamptz NOT NULL,
    PRIMARY KEY (package, component)
);
GRANT SELECT, INSERT, UPDATE ON ingest.content_inspection, ingest.content_finding TO nopluu_ingest;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
