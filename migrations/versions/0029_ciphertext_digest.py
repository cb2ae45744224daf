"""A part's digest of its stored bytes says which function gave it: BLAKE3 from now on (DECISION-0029).

Revision ID: 0029
Revises: 0019
"""

from alembic import op

revision = "0029"
down_revision = "0019"
branch_labels = None
depends_on = None

_PART = """
ALTER TABLE ingest.part RENAME COLUMN ciphertext_sha256 TO ciphertext_digest;
ALTER TABLE ingest.part
    ALTER COLUMN ciphertext_digest TYPE text USING 'sha256:' || encode(ciphertext_digest, 'hex'),
    ADD CHECK (ciphertext_digest ~ '^(blake3|sha256):[0-9a-f]{64}$');
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_PART)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
