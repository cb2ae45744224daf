"""The rotation of key-encryption keys: which version each is on its way to, and the rows that are behind, by an index.

Revision ID: 0010
Revises: 0016
"""

from alembic import op

revision = "0010"
down_revision = "0016"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE ingest.kek_rotation (
    kek text PRIMARY KEY,
    version integer NOT NULL,
    rotated_at timestamptz NOT NULL,
    ended_at timestamptz,
    broken integer NOT NULL DEFAULT 0,
    retired integer NOT NULL DEFAULT 0
);
GRANT SELECT, INSERT, UPDATE ON ingest.kek_rotation TO nopluu_ingest;

-- a wrapped key begins with its KEK's version, u32be
CREATE INDEX package_key_kek ON ingest.package_key (kek, substring(wrapped FROM 1 FOR 4), package, level);
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
