"""Catalog: leave to take restricted documents out, as requests and steps that are only added (DECISION-0031).

Revision ID: 0031
Revises: 0022
"""

from alembic import op

revision = "0031"
down_revision = "0022"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE catalog.export_request (
    id uuid PRIMARY KEY,
    documents uuid[] NOT NULL,
    number text NOT NULL,
    decided_on date NOT NULL,
    authority text NOT NULL,
    recipient text NOT NULL,
    until date NOT NULL,
    client uuid NOT NULL,
    officer text,
    asked_at timestamptz NOT NULL
);
CREATE INDEX export_request_client ON catalog.export_request (client, until);
CREATE TABLE catalog.export_step (
    request uuid REFERENCES catalog.export_request (id),
    number integer,
    step text NOT NULL,
    client uuid NOT NULL,
    officer text,
    at timestamptz NOT NULL,
    PRIMARY KEY (request, number)
);
GRANT SELECT, INSERT ON catalog.export_request, catalog.export_step TO nopluu_catalog;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
