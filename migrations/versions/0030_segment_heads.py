"""A part's row keeps the first bytes of its long segments, so that a range of one is a single request (DECISION-0030).

Revision ID: 0030
Revises: 0031
"""

from alembic import op

revision = "0030"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE ingest.part ADD COLUMN heads bytea")


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
