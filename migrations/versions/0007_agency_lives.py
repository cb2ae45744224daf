"""Auth: what happens to agencies is added, never set: names, ends, ends of codes, deposit sources and their ends.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE auth.agency ADD COLUMN instrument text;

-- Two bodies may meet twice: detached in one year, merged in another.
ALTER TABLE auth.succession DROP CONSTRAINT succession_pkey;
ALTER TABLE auth.succession ADD PRIMARY KEY (predecessor, successor, effective_on);

CREATE TABLE auth.agency_name (
    agency uuid REFERENCES auth.agency (id),
    valid_from date,
    name text NOT NULL,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (agency, valid_from)
);

CREATE TABLE auth.agency_end (
    agency uuid PRIMARY KEY REFERENCES auth.agency (id),
    ended_on date NOT NULL,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE auth.agency_code_end (
    code text,
    valid_from date,
    ended_on date NOT NULL,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (code, valid_from),
    FOREIGN KEY (code, valid_from) REFERENCES auth.agency_code (code, valid_from),
    CHECK (ended_on > valid_from)
);

CREATE TABLE auth.deposit_source (
    id uuid PRIMARY KEY,
    agency uuid NOT NULL REFERENCES auth.agency (id),
    archive uuid NOT NULL REFERENCES auth.agency (id),
    valid_from date NOT NULL,
    valid_to date,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CHECK (valid_to > valid_from),
    CHECK (agency <> archive)
);
CREATE INDEX deposit_source_agency ON auth.deposit_source (agency);

CREATE TABLE auth.deposit_source_end (
    source uuid PRIMARY KEY REFERENCES auth.deposit_source (id),
    ended_on date NOT NULL,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL
);
"""

_RIGHTS = """
GRANT SELECT, INSERT ON auth.agency_name, auth.agency_end, auth.agency_code_end TO nopluu_auth;
GRANT SELECT, INSERT ON auth.deposit_source, auth.deposit_source_end TO nopluu_auth;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_RIGHTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
