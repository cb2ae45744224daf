"""Ingest: inspections of agencies, as trails that are only added to; terms that ended and wait for a decision.

Revision ID: 0017
Revises: 0011
"""

from alembic import op

revision = "0017"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE ingest.classification ADD COLUMN ended_on date;

CREATE TABLE ingest.inspection_step (
    inspection uuid,
    number integer,
    agency uuid NOT NULL,
    kind text NOT NULL,
    on_day date NOT NULL,
    finding integer,
    violation text,
    due_on date,
    facts jsonb NOT NULL,
    client uuid NOT NULL,
    officer text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (inspection, number)
);
CREATE INDEX inspection_step_agency ON ingest.inspection_step (agency, inspection);
CREATE TRIGGER inspection_step_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.inspection_step
    FOR EACH STATEMENT EXECUTE FUNCTION ingest.refuse_change();
GRANT SELECT, INSERT ON ingest.inspection_step TO nopluu_ingest;
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
