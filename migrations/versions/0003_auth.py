"""Auth: agencies and their codes, succession, fonds, clients and keys, used assertions, the sequence of facts.

Every change of the registry takes the one row of `fact_counter` first and keeps it until it commits: facts are numbered
without gaps in the order in which they become visible, so a reader that asks for what follows number N misses nothing.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from migrations.shared_ddl import nonce_ddl

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE auth.agency (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    level text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    registered_at timestamptz NOT NULL,
    CHECK (valid_to > valid_from)
);

CREATE TABLE auth.agency_code (
    code text,
    valid_from date,
    scheme text NOT NULL,
    agency uuid NOT NULL REFERENCES auth.agency (id),
    valid_to date,
    PRIMARY KEY (code, valid_from),
    CHECK (valid_to > valid_from)
);
CREATE INDEX agency_code_agency ON auth.agency_code (agency);

CREATE TABLE auth.succession (
    predecessor uuid REFERENCES auth.agency (id),
    successor uuid REFERENCES auth.agency (id),
    kind text NOT NULL,
    effective_on date NOT NULL,
    instrument text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (predecessor, successor),
    CHECK (predecessor <> successor)
);

CREATE TABLE auth.fonds (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL,
    creator uuid NOT NULL REFERENCES auth.agency (id),
    custodian uuid NOT NULL REFERENCES auth.agency (id),
    deposit_source text,
    registered_at timestamptz NOT NULL,
    UNIQUE (creator, code)
);

CREATE TABLE auth.client (
    id uuid PRIMARY KEY,
    agency uuid NOT NULL REFERENCES auth.agency (id),
    name text NOT NULL,
    scopes text[] NOT NULL,
    officer text,
    enrolled_at timestamptz NOT NULL,
    disabled_at timestamptz,
    CHECK (cardinality(scopes) > 0)
);
CREATE INDEX client_agency ON auth.client (agency);

CREATE TABLE auth.client_key (
    kid text PRIMARY KEY,
    client uuid NOT NULL REFERENCES auth.client (id),
    jwk jsonb NOT NULL,
    not_before timestamptz NOT NULL,
    not_after timestamptz,
    enrolled_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK (not_after > not_before)
);
CREATE INDEX client_key_client ON auth.client_key (client);

CREATE TABLE auth.used_assertion (
    client uuid,
    jti text,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client, jti)
);
CREATE INDEX used_assertion_expiry ON auth.used_assertion (expires_at);

CREATE TABLE auth.fact (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    body jsonb NOT NULL
);

CREATE TABLE auth.fact_counter (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    last bigint NOT NULL
);
INSERT INTO auth.fact_counter (last) VALUES (0);
"""

_RIGHTS = """
GRANT SELECT, INSERT ON auth.agency, auth.agency_code, auth.succession, auth.fonds, auth.fact TO nopluu_auth;
GRANT SELECT, INSERT ON auth.client, auth.client_key TO nopluu_auth;
GRANT UPDATE (disabled_at) ON auth.client TO nopluu_auth;
GRANT UPDATE (revoked_at) ON auth.client_key TO nopluu_auth;
GRANT SELECT, INSERT, DELETE ON auth.used_assertion TO nopluu_auth;
GRANT SELECT, UPDATE ON auth.fact_counter TO nopluu_auth;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_RIGHTS)
    op.execute(nonce_ddl("auth"))


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
