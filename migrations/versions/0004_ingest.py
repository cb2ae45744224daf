"""Ingest: packages, plans, keys, components, parts, attempts, rules, outbox, declarations.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from migrations.shared_ddl import nonce_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COMPONENT_PARTITIONS = 8

_TABLES = """
CREATE TABLE ingest.package (
    id uuid PRIMARY KEY,
    chain uuid NOT NULL,
    version integer NOT NULL,
    supersedes uuid,
    agency uuid NOT NULL,
    client uuid NOT NULL,
    fonds uuid,
    fonds_code text,
    profile text,
    state text NOT NULL,
    manifest_sha256 bytea,
    manifest_salt bytea,
    manifest_salted bytea,
    plan_sha256 bytea,
    rules_sha256 bytea NOT NULL,
    part_size integer NOT NULL,
    part_count integer NOT NULL,
    payload_size bigint NOT NULL,
    component_count integer NOT NULL,
    stored_parts integer NOT NULL,
    declared_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    sealed_at timestamptz,
    seal_event uuid,
    verdicts jsonb NOT NULL,
    not_planned jsonb NOT NULL,
    warnings jsonb NOT NULL,
    levels jsonb NOT NULL,
    CONSTRAINT package_parts CHECK (stored_parts BETWEEN 0 AND part_count),
    CONSTRAINT package_refused CHECK ((state = 'refused') = (manifest_sha256 IS NULL))
);
CREATE UNIQUE INDEX package_live_manifest ON ingest.package (agency, manifest_sha256)
    WHERE state IN ('declared', 'receiving', 'verifying', 'sealed', 'inspected', 'accepted', 'quarantined');
CREATE UNIQUE INDEX package_chain_version ON ingest.package (chain, version)
    WHERE state IN ('declared', 'receiving', 'verifying', 'sealed', 'inspected', 'accepted', 'quarantined', 'returned');
CREATE INDEX package_agency_id ON ingest.package (agency, id);
CREATE INDEX package_manifest ON ingest.package (manifest_sha256);
CREATE INDEX package_open ON ingest.package (agency) WHERE state IN ('declared', 'receiving');
CREATE INDEX package_expiry ON ingest.package (expires_at) WHERE state IN ('declared', 'receiving');

CREATE TABLE ingest.package_document (
    package uuid PRIMARY KEY REFERENCES ingest.package (id),
    manifest bytea NOT NULL,
    plan bytea NOT NULL
);

CREATE TABLE ingest.package_key (
    package uuid REFERENCES ingest.package (id),
    level smallint,
    kek text NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (package, level)
);

CREATE TABLE ingest.component (
    package uuid NOT NULL,
    position integer NOT NULL,
    id uuid NOT NULL,
    key_id uuid NOT NULL,
    wrapped_key bytea,
    level smallint NOT NULL,
    document integer NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    plan_position integer,
    origin uuid NOT NULL,
    checked_at timestamptz,
    held boolean NOT NULL DEFAULT false,
    PRIMARY KEY (package, position)
) PARTITION BY HASH (package);
CREATE INDEX component_id ON ingest.component (id);
CREATE INDEX component_plan ON ingest.component (package, plan_position);

CREATE TABLE ingest.part (
    package uuid REFERENCES ingest.package (id),
    number integer,
    attempt uuid NOT NULL,
    sha256 bytea NOT NULL,
    size integer NOT NULL,
    stored_size integer NOT NULL,
    ciphertext_sha256 bytea NOT NULL,
    object_version text NOT NULL,
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (package, number)
);

CREATE TABLE ingest.attempt (
    id uuid PRIMARY KEY,
    package uuid NOT NULL,
    part integer NOT NULL,
    sha256 bytea NOT NULL,
    opened_at timestamptz NOT NULL,
    lost boolean NOT NULL DEFAULT false
);
CREATE INDEX attempt_opened ON ingest.attempt (opened_at);
CREATE INDEX attempt_lost ON ingest.attempt (opened_at) WHERE lost;

CREATE TABLE ingest.finding (
    id bigserial PRIMARY KEY,
    package uuid NOT NULL REFERENCES ingest.package (id),
    pointer text NOT NULL,
    code text NOT NULL,
    vi text NOT NULL,
    en text NOT NULL,
    found_at timestamptz NOT NULL
);
CREATE INDEX finding_package ON ingest.finding (package);

CREATE TABLE ingest.rule_bundle (
    version integer PRIMARY KEY,
    sha256 bytea NOT NULL,
    envelope bytea NOT NULL,
    effective_from date NOT NULL,
    published_at timestamptz NOT NULL,
    published_by uuid NOT NULL
);

CREATE TABLE ingest.outbox (
    id uuid PRIMARY KEY,
    target text NOT NULL,
    kind text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz
);

CREATE TABLE ingest.declaration (
    id uuid PRIMARY KEY,
    agency uuid NOT NULL,
    client uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    outcome jsonb
);
"""


def upgrade() -> None:
    op.execute(_TABLES)
    for remainder in range(COMPONENT_PARTITIONS):
        op.execute(
            f"CREATE TABLE ingest.component_{remainder} PARTITION OF ingest.component"
            f" FOR VALUES WITH (MODULUS {COMPONENT_PARTITIONS}, REMAINDER {remainder})"
        )
    op.execute(nonce_ddl("ingest"))
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ingest TO nopluu_ingest")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA ingest TO nopluu_ingest")


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
