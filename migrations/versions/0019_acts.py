"""Ingest: the act book, in which every change of an officer's rows is kept until it is sealed into the store.

`ingest.keep_acts(table)` puts a table into the book: from then on a trigger appends each changed row to `ingest.act` in the
transaction that changes it, whoever does. Rows that stand already are appended at once. A migration that makes another
table of that kind calls it; one that renames a column or changes its meaning writes the rows anew.

A row that leans on a package that was never sealed takes that package's row with it, for no recovery record has it.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEPT = (
    "rule_bundle",
    "kek_rotation",
    "rejudging",
    "rejudged",
    "erasure",
    "erasure_part",
    "classification_step",
    "classification",
    "classification_told",
    "classification_notice",
    "inspection_step",
    "incident",
    "incident_step",
    "incident_clock",
    "hold",
    "hold_item",
    "hold_content",
    "finding",
)

_TABLES = """
CREATE TABLE ingest.act (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    relation text NOT NULL,
    removed boolean NOT NULL,
    "row" text NOT NULL
);

-- The book itself: which number was used last, which page the next one follows, and a page on its way into the store.
CREATE TABLE ingest.act_book (
    single boolean PRIMARY KEY DEFAULT true,
    id uuid NOT NULL,
    secret bytea NOT NULL,
    number bigint NOT NULL,
    page bigint,
    page_sha256 bytea,
    sealed bytea,
    oldest_at timestamptz,
    CONSTRAINT act_book_single CHECK (single),
    CONSTRAINT act_book_page CHECK ((page IS NULL) = (page_sha256 IS NULL))
);
GRANT SELECT, DELETE ON ingest.act TO nopluu_ingest;
GRANT SELECT, INSERT, UPDATE ON ingest.act_book TO nopluu_ingest;
"""

_FUNCTIONS = """
-- Arguments: the columns of the primary key, by commas, and the one that refers to a package, or ''.
CREATE FUNCTION ingest.record_act() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET bytea_output = 'hex' AS $f$
DECLARE
    key text[] := string_to_array(TG_ARGV[0], ',');
    old_row jsonb;
    new_row jsonb;
    old_key jsonb;
    new_key jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_row := to_jsonb(OLD);
        SELECT jsonb_object_agg(name, old_row -> name) INTO old_key FROM unnest(key) name;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_row := to_jsonb(NEW);
        SELECT jsonb_object_agg(name, new_row -> name) INTO new_key FROM unnest(key) name;
    END IF;
    IF old_row = new_row THEN
        RETURN NULL;
    END IF;
    IF old_key <> new_key OR new_key IS NULL THEN
        INSERT INTO ingest.act (relation, removed, "row") VALUES (TG_TABLE_NAME, true, old_key::text);
    END IF;
    IF new_row IS NOT NULL THEN
        IF TG_ARGV[1] <> '' THEN
            INSERT INTO ingest.act (relation, removed, "row")
                SELECT 'package', false, to_jsonb(package)::text FROM ingest.package
                 WHERE package.id = (new_row ->> TG_ARGV[1])::uuid AND package.seal_event IS NULL;
        END IF;
        INSERT INTO ingest.act (relation, removed, "row") VALUES (TG_TABLE_NAME, false, new_row::text);
    END IF;
    RETURN NULL;
END
$f$;

CREATE FUNCTION ingest.refuse_emptying() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || ': emptying leaves no act';
END
$f$;

CREATE FUNCTION ingest.keep_acts(wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET bytea_output = 'hex' AS $f$
DECLARE
    kept regclass := format('ingest.%I', wanted)::regclass;
    key text;
    leans text;
BEGIN
    SELECT string_agg(a.attname, ',' ORDER BY array_position(c.conkey, a.attnum)) INTO STRICT key
      FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
     WHERE c.conrelid = kept AND c.contype = 'p';
    SELECT coalesce(min(a.attname), '') INTO leans
      FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
     WHERE c.conrelid = kept AND c.contype = 'f' AND c.confrelid = 'ingest.package'::regclass;
    EXECUTE format('CREATE TRIGGER act_kept AFTER INSERT OR UPDATE OR DELETE ON ingest.%I'
        ' FOR EACH ROW EXECUTE FUNCTION ingest.record_act(%L, %L)', wanted, key, leans);
    EXECUTE format('CREATE TRIGGER act_not_emptied BEFORE TRUNCATE ON ingest.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION ingest.refuse_emptying()', wanted);
    IF leans <> '' THEN
        EXECUTE format('INSERT INTO ingest.act (relation, removed, "row")'
            ' SELECT ''package'', false, to_jsonb(package)::text FROM ingest.package'
            '  WHERE seal_event IS NULL AND id IN (SELECT %I FROM ingest.%I)', leans, wanted);
    END IF;
    EXECUTE format('INSERT INTO ingest.act (relation, removed, "row")'
        ' SELECT %L, false, to_jsonb(kept)::text FROM ingest.%I kept', wanted, wanted);
END
$f$;

REVOKE ALL ON FUNCTION ingest.record_act(), ingest.refuse_emptying(), ingest.keep_acts(text) FROM PUBLIC;

-- Of packages themselves only what was refused: their rows change with every part, and a record tells of what is sealed.
CREATE TRIGGER act_kept AFTER INSERT OR UPDATE ON ingest.package
    FOR EACH ROW WHEN (NEW.state = 'refused') EXECUTE FUNCTION ingest.record_act('id', '');
INSERT INTO ingest.act (relation, removed, "row")
    SELECT 'package', false, to_jsonb(package)::text FROM ingest.package WHERE state = 'refused';
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_TABLES)
    connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
    connection.exec_driver_sql("SET LOCAL bytea_output = 'hex'")
    connection.exec_driver_sql(_FUNCTIONS)
    for table in KEPT:
        connection.exec_driver_sql(f"SELECT ingest.keep_acts('{table}')")


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
