"""Ingest: the life of classifications, as steps that are only ever added.

Revision ID: 0015
Revises: 0008
"""

from alembic import op

revision = "0015"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE ingest.classification_step (
    id uuid PRIMARY KEY,
    package uuid NOT NULL REFERENCES ingest.package (id),
    document integer NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    level_before smallint NOT NULL,
    level_after smallint NOT NULL,
    decided_on date NOT NULL,
    effective_on date NOT NULL,
    level smallint,
    until date,
    annuls uuid,
    list_item text NOT NULL,
    instrument text NOT NULL,
    authority text NOT NULL,
    authority_agency uuid,
    relation text,
    proof text NOT NULL,
    remarks jsonb NOT NULL,
    notify_by date,
    agency uuid NOT NULL,
    client uuid,
    officer text,
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX classification_step_number ON ingest.classification_step (package, document, number);
CREATE INDEX classification_step_recorded ON ingest.classification_step (recorded_at);

CREATE TABLE ingest.classification (
    package uuid REFERENCES ingest.package (id),
    document integer,
    sealed_as smallint NOT NULL,
    level smallint NOT NULL,
    due_on date,
    raised_by uuid,
    PRIMARY KEY (package, document)
);
CREATE INDEX classification_due ON ingest.classification (due_on) WHERE due_on IS NOT NULL;

CREATE TABLE ingest.classification_told (
    package uuid PRIMARY KEY REFERENCES ingest.package (id),
    revision integer NOT NULL
);

CREATE TABLE ingest.classification_notice (
    step uuid PRIMARY KEY REFERENCES ingest.classification_step (id),
    notified_on date NOT NULL,
    instrument text NOT NULL,
    client uuid NOT NULL,
    officer text,
    recorded_at timestamptz NOT NULL
);
"""

_KEPT = """
CREATE FUNCTION ingest.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || ': rows are only ever added';
END
$f$;
"""

_RIGHTS = """
GRANT SELECT, INSERT ON ingest.classification_step, ingest.classification_notice TO nopluu_ingest;
GRANT SELECT, INSERT, UPDATE ON ingest.classification, ingest.classification_told TO nopluu_ingest;
"""


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_KEPT)
    for table in ("classification_step", "classification_notice"):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ingest.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ingest.refuse_change()"
        )
    op.execute(_RIGHTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
