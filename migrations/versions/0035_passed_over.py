"""Ingest: files that were held while their package was looked into, to be looked at once they are let go (DECISION-0034).

Revision ID: 0035
Revises: 0034
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.content_passed_over (
    package uuid REFERENCES ingest.package (id),
    component uuid,
    PRIMARY KEY (package, component)
);
CREATE VIEW ingest.content_let_go AS
    SELECT c.id, c.package, c.position, c.document, c.size, c.sha256
    FROM ingest.content_passed_over o JOIN ingest.component c ON c.package = o.package AND c.id = o.component
    WHERE c.wrapped_key IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM ingest.component x WHERE x.id = c.id AND x.held);
GRANT SELECT, INSERT, DELETE ON ingest.content_passed_over TO nopluu_ingest;
GRANT SELECT ON ingest.content_let_go TO nopluu_ingest;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
