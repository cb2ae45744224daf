"""Journal: what witnesses signed, kept for ever beside the checkpoint it is about.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE journal.cosignature (
    size bigint REFERENCES journal.checkpoint (size),
    witness text,
    key_id bytea CHECK (octet_length(key_id) = 4),
    line text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (size, witness, key_id)
);
CREATE TRIGGER cosignature_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
GRANT SELECT, INSERT ON journal.cosignature TO nopluu_journal;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("a log is never dropped by a migration")
