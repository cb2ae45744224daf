"""Ingest: the register of media that held state secrets, as trails that are only added to (DECISION-0032).

Revision ID: 0033
Revises: 0030
"""

from alembic import op

revision = "0033"
down_revision = "0030"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE ingest.medium_step (
    medium uuid,
    number integer,
    agency uuid NOT NULL,
    kind text NOT NULL,
    mark text NOT NULL,
    step text NOT NULL,
    on_day date NOT NULL,
    level smallint NOT NULL,
    instrument text NOT NULL,
    client uuid NOT NULL,
    officer text,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (medium, number)
);
CREATE INDEX medium_step_agency ON ingest.medium_step (agency, medium);
CREATE TRIGGER medium_step_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.medium_step
    FOR EACH STATEMENT EXECUTE FUNCTION ingest.refuse_change();
GRANT SELECT, INSERT ON ingest.medium_step TO nopluu_ingest;
SELECT ingest.keep_acts('medium_step');
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_TABLE)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
