"""Incidents of content found secret, the holds they place, their steps and their clocks.

`ingest.incident_step` and what a hold covers are only ever inserted: the trail cannot be rewritten with ingest's rights.

Revision ID: 0013
Revises: 0017
"""

from alembic import op

revision = "0013"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE ingest.package ADD COLUMN held boolean NOT NULL DEFAULT false;
CREATE INDEX component_sha256 ON ingest.component (sha256);

CREATE TABLE ingest.incident (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    kind text NOT NULL,
    rules jsonb NOT NULL,
    bundle_sha256 bytea,
    package uuid NOT NULL REFERENCES ingest.package (id),
    document integer,
    component uuid,
    agency uuid NOT NULL,
    fonds uuid NOT NULL,
    state text NOT NULL,
    decision text,
    level smallint,
    due_on date,
    opened_at timestamptz NOT NULL,
    hidden_at timestamptz,
    closed_at timestamptz
);
CREATE INDEX incident_state ON ingest.incident (state, id);
CREATE INDEX incident_agency ON ingest.incident (agency, id);
CREATE INDEX incident_package ON ingest.incident (package);

CREATE TABLE ingest.incident_step (
    incident uuid REFERENCES ingest.incident (id),
    number integer,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    client uuid,
    officer text,
    facts jsonb NOT NULL,
    PRIMARY KEY (incident, number)
);

CREATE TABLE ingest.incident_clock (
    incident uuid REFERENCES ingest.incident (id),
    kind text,
    due_on date NOT NULL,
    met_at timestamptz,
    PRIMARY KEY (incident, kind)
);
CREATE INDEX incident_clock_due ON ingest.incident_clock (due_on) WHERE met_at IS NULL;

CREATE TABLE ingest.hold (
    id uuid PRIMARY KEY,
    incident uuid NOT NULL REFERENCES ingest.incident (id),
    placed_at timestamptz NOT NULL,
    hidden_at timestamptz,
    lifted_at timestamptz
);
CREATE INDEX hold_incident ON ingest.hold (incident);

-- document: an index into the package's manifest; -1 where the whole package is held.
CREATE TABLE ingest.hold_item (
    hold uuid REFERENCES ingest.hold (id),
    package uuid,
    document integer,
    chain uuid NOT NULL,
    PRIMARY KEY (hold, package, document)
);
CREATE INDEX hold_item_package ON ingest.hold_item (package);

CREATE TABLE ingest.hold_content (
    hold uuid REFERENCES ingest.hold (id),
    sha256 bytea,
    PRIMARY KEY (hold, sha256)
);
CREATE INDEX hold_content_sha256 ON ingest.hold_content (sha256);

GRANT SELECT, INSERT, UPDATE ON ingest.incident, ingest.incident_clock, ingest.hold TO nopluu_ingest;
GRANT SELECT, INSERT ON ingest.incident_step, ingest.hold_item, ingest.hold_content TO nopluu_ingest;
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
