"""Ingest: what publishing rules found in the holdings, and how far each judging of them has come.

Revision ID: 0012
Revises: 0010
"""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.rejudging (
    bundle_sha256 bytea PRIMARY KEY,
    version integer NOT NULL,
    begun_at timestamptz NOT NULL,
    after_package uuid,
    swept_at timestamptz,
    ended_at timestamptz,
    judged bigint NOT NULL DEFAULT 0
);

-- Codes and places only: what a document is called stands in its manifest and nowhere else.
CREATE TABLE ingest.rejudged (
    package uuid REFERENCES ingest.package (id),
    document integer,
    bundle_sha256 bytea REFERENCES ingest.rejudging (bundle_sha256),
    was text NOT NULL,
    effect text NOT NULL,
    report boolean NOT NULL,
    rules jsonb NOT NULL,
    found_at timestamptz NOT NULL,
    handed_on_at timestamptz,
    PRIMARY KEY (package, document, bundle_sha256)
);
CREATE INDEX rejudged_waiting ON ingest.rejudged (found_at) WHERE handed_on_at IS NULL;
"""

_RIGHTS = """
GRANT SELECT, INSERT, UPDATE ON ingest.rejudging, ingest.rejudged TO nopluu_ingest;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_RIGHTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
