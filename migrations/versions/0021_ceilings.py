"""Auth: what the police decided an agency may hand in over the independent LAN; only added, by two officers.

Revision ID: 0021
Revises: 0023
"""

from alembic import op

revision = "0021"
down_revision = "0023"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE auth.ceiling (
    id uuid PRIMARY KEY,
    agency uuid NOT NULL REFERENCES auth.agency (id),
    level text NOT NULL CHECK (level IN ('none', 'mat', 'toi_mat')),
    valid_from date NOT NULL,
    valid_to date,
    number text NOT NULL,
    decided_on date NOT NULL,
    authority text NOT NULL,
    author uuid NOT NULL REFERENCES auth.client (id),
    author_officer text NOT NULL,
    proposed_at timestamptz NOT NULL,
    CHECK (valid_to > valid_from),
    CHECK (valid_from >= decided_on)
);
CREATE INDEX ceiling_agency ON auth.ceiling (agency);

CREATE TABLE auth.ceiling_settlement (
    ceiling uuid PRIMARY KEY REFERENCES auth.ceiling (id),
    outcome text NOT NULL CHECK (outcome IN ('approved', 'declined')),
    settled_by uuid NOT NULL REFERENCES auth.client (id),
    officer text NOT NULL,
    settled_at timestamptz NOT NULL
);
"""

_RIGHTS = "GRANT SELECT, INSERT ON auth.ceiling, auth.ceiling_settlement TO nopluu_auth;"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_RIGHTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
