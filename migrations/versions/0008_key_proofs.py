"""Auth: a key's row keeps the offer that proved possession of its private half; null where the operator vouched.

Revision ID: 0008
Revises: 0009
"""

from alembic import op

revision = "0008"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE auth.client_key ADD COLUMN proof text")


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
