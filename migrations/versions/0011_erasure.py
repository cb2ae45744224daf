"""Erasure: what custodians ordered, and the parts whose stored copies are still to be replaced.

Revision ID: 0011
Revises: 0012
"""

from alembic import op

revision = "0011"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.erasure (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    package uuid NOT NULL REFERENCES ingest.package (id),
    whole boolean NOT NULL,
    components uuid[] NOT NULL,
    kept uuid[] NOT NULL,
    instrument text NOT NULL,
    client uuid NOT NULL,
    officer text NOT NULL,
    ordered_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT erasure_kind CHECK (kind IN ('expulsion', 'disposal'))
);
CREATE INDEX erasure_package ON ingest.erasure (package);
CREATE INDEX erasure_open ON ingest.erasure (ordered_at) WHERE finished_at IS NULL;

CREATE TABLE ingest.erasure_part (
    erasure uuid NOT NULL REFERENCES ingest.erasure (id),
    package uuid NOT NULL,
    part integer NOT NULL,
    replaced boolean NOT NULL DEFAULT false,
    PRIMARY KEY (erasure, package, part)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ingest.erasure, ingest.erasure_part TO nopluu_ingest;
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
