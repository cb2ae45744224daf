"""Catalog: what packages describe, who may see which row, and the words by which documents are found.

Who sees a row is decided here, not in the services' statements: its label must be one of the session's labels, and its
fonds one of the session's fonds, unless the session is the archive's. A session is opened by `catalog.open_session`,
which writes, and every transaction that serves a reader is READ ONLY: a statement smuggled into one can neither open a
wider session nor guess one. Without a session there are no rows.

`catalog.find` looks into the words with rights of its own, because `@@` is no leakproof operator: under row-level
security PostgreSQL would read every row rather than ask the index. It applies the session's labels and fonds itself and
gives out ids only; whoever calls it still reads the documents under the policies.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from migrations.shared_ddl import nonce_ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COMPONENT_PARTITIONS = 8
LABELLED = ("package", "dossier", "document", "component", "document_words")

_TABLES = """
CREATE TABLE catalog.label (
    id smallint PRIMARY KEY,
    level smallint NOT NULL UNIQUE CHECK (level BETWEEN 0 AND 3)
);
INSERT INTO catalog.label (id, level) VALUES (0, 0), (1, 1), (2, 2), (3, 3);

CREATE TABLE catalog.session (
    id uuid PRIMARY KEY,
    labels smallint[] NOT NULL,
    fonds uuid[] NOT NULL,
    archive boolean NOT NULL,
    writer boolean NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_expiry ON catalog.session (expires_at);

CREATE TABLE catalog.received_message (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    body bytea,
    received_at timestamptz NOT NULL,
    done_at timestamptz
);
CREATE INDEX received_message_open ON catalog.received_message (received_at) WHERE done_at IS NULL;

CREATE TABLE catalog.fonds (
    id uuid PRIMARY KEY,
    code text NOT NULL
);
CREATE INDEX fonds_code ON catalog.fonds (code);

CREATE TABLE catalog.package (
    id uuid PRIMARY KEY,
    chain uuid NOT NULL,
    version integer NOT NULL,
    supersedes uuid,
    current boolean NOT NULL,
    agency uuid NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    profile text NOT NULL,
    transfer text,
    creator text NOT NULL,
    submitter text NOT NULL,
    manifest_sha256 bytea NOT NULL,
    not_planned jsonb NOT NULL,
    levels jsonb NOT NULL,
    document_count integer NOT NULL,
    component_count integer NOT NULL,
    sealed_at timestamptz NOT NULL,
    registered_at timestamptz NOT NULL,
    held boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX package_chain_version ON catalog.package (chain, version);
CREATE UNIQUE INDEX package_current ON catalog.package (chain) WHERE current;

CREATE TABLE catalog.dossier (
    package uuid PRIMARY KEY,
    id uuid NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    dossier_code text,
    title text,
    starts_on date,
    ends_on date,
    metadata jsonb NOT NULL,
    secrecy jsonb,
    held boolean NOT NULL DEFAULT false
);
CREATE INDEX dossier_id ON catalog.dossier (id);

CREATE TABLE catalog.document (
    id uuid PRIMARY KEY,
    package uuid NOT NULL,
    dossier uuid NOT NULL,
    position integer NOT NULL,
    ordinal integer NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    stub boolean NOT NULL,
    subject text,
    issued_on date,
    number text,
    notation text,
    type_name text,
    issuer text,
    signer text,
    metadata jsonb NOT NULL,
    secrecy jsonb NOT NULL,
    component_count integer NOT NULL,
    held boolean NOT NULL DEFAULT false
);
CREATE INDEX document_package ON catalog.document (package, position);

CREATE TABLE catalog.component (
    package uuid NOT NULL,
    position integer NOT NULL,
    id uuid NOT NULL,
    document uuid NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    held boolean NOT NULL DEFAULT false,
    PRIMARY KEY (package, position)
) PARTITION BY HASH (package);
CREATE INDEX component_id ON catalog.component (id);
CREATE INDEX component_document ON catalog.component (document);

-- One row a document of a current version. day_number: days since 1970, or far before everything.
CREATE TABLE catalog.document_words (
    document uuid PRIMARY KEY,
    package uuid NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    issued_on date,
    day_number integer NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX document_words_words ON catalog.document_words USING gin (words);
CREATE INDEX document_words_package ON catalog.document_words (package);
CREATE INDEX document_words_fonds_day ON catalog.document_words (fonds, day_number, document);
CREATE INDEX document_words_day ON catalog.document_words (day_number, document);
"""

_FINDER = """
DO $role$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nopluu_catalog_finder') THEN
        CREATE ROLE nopluu_catalog_finder
            NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database of the cluster is being migrated at this moment
END
$role$;
GRANT USAGE ON SCHEMA catalog TO nopluu_catalog_finder;
"""

# A setting of the role itself says which session it acts in; only its id's owner knows the id.
_SESSIONS = """
CREATE FUNCTION catalog.session_labels() RETURNS smallint[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    SELECT labels FROM catalog.session
     WHERE id = nullif(current_setting('nopluu.session', true), '')::uuid AND expires_at > now()
$f$;

CREATE FUNCTION catalog.session_fonds() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    SELECT fonds FROM catalog.session
     WHERE id = nullif(current_setting('nopluu.session', true), '')::uuid AND expires_at > now()
$f$;

CREATE FUNCTION catalog.session_is_archive() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    SELECT archive FROM catalog.session
     WHERE id = nullif(current_setting('nopluu.session', true), '')::uuid AND expires_at > now()
$f$;

CREATE FUNCTION catalog.session_writes() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    SELECT writer FROM catalog.session
     WHERE id = nullif(current_setting('nopluu.session', true), '')::uuid AND expires_at > now()
$f$;

CREATE FUNCTION catalog.open_session(
    ceiling smallint, own_fonds uuid[], is_archive boolean, is_writer boolean, seconds integer
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    opened uuid := gen_random_uuid();
BEGIN
    DELETE FROM catalog.session WHERE id IN (
        SELECT id FROM catalog.session WHERE expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED);
    INSERT INTO catalog.session (id, labels, fonds, archive, writer, expires_at)
        SELECT opened, coalesce(array_agg(label.id), '{}'), own_fonds, is_archive, is_writer,
               clock_timestamp() + make_interval(secs => seconds)
          FROM catalog.label WHERE label.level <= ceiling;
    RETURN opened;
END
$f$;
"""

_FIND = """
CREATE FUNCTION catalog.find(
    wanted tsquery, wanted_exact tsquery, in_fonds text, since date, until date,
    after_exact boolean, after_rank real, after_document uuid, page integer
) RETURNS TABLE (document uuid, exact boolean, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $f$
DECLARE
    labels smallint[] := catalog.session_labels();
    chosen uuid[];  -- null: every fonds
BEGIN
    IF labels IS NULL THEN
        RETURN;
    END IF;
    IF catalog.session_is_archive() IS NOT TRUE THEN
        chosen := catalog.session_fonds();
    END IF;
    IF in_fonds IS NOT NULL THEN
        SELECT coalesce(array_agg(f.id), '{}') INTO chosen FROM catalog.fonds f
         WHERE (f.code = in_fonds OR f.id::text = lower(in_fonds)) AND (chosen IS NULL OR f.id = ANY (chosen));
    END IF;
    IF wanted IS NULL AND chosen IS NULL THEN
        RETURN QUERY
        SELECT w.document, false, w.day_number::real
          FROM catalog.document_words w
         WHERE w.label = ANY (labels)
           AND (since IS NULL OR w.day_number >= since - date '1970-01-01')
           AND (until IS NULL OR w.issued_on <= until)
           AND (after_document IS NULL OR (w.day_number, w.document) < (after_rank::integer, after_document))
         ORDER BY w.day_number DESC, w.document DESC
         LIMIT page;
        RETURN;
    ELSIF wanted IS NULL THEN
        -- fonds by fonds, each from its own index: the newest of all are among the newest of each
        RETURN QUERY
        SELECT best.document, false, best.day_number::real
          FROM unnest(chosen) AS one (fonds) CROSS JOIN LATERAL (
                SELECT w.document, w.day_number
                  FROM catalog.document_words w
                 WHERE w.fonds = one.fonds
                   AND w.label = ANY (labels)
                   AND (since IS NULL OR w.day_number >= since - date '1970-01-01')
                   AND (until IS NULL OR w.issued_on <= until)
                   AND (after_document IS NULL OR (w.day_number, w.document) < (after_rank::integer, after_document))
                 ORDER BY w.day_number DESC, w.document DESC
                 LIMIT page) best
         ORDER BY best.day_number DESC, best.document DESC
         LIMIT page;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT hit.document, hit.exact, hit.rank
      FROM (SELECT w.document,
                   wanted_exact IS NOT NULL AND w.words @@ wanted_exact AS exact,
                   ts_rank_cd(w.words, wanted) AS rank
              FROM catalog.document_words w
             WHERE w.label = ANY (labels)
               AND (chosen IS NULL OR w.fonds = ANY (chosen))
               AND (since IS NULL OR w.issued_on >= since)
               AND (until IS NULL OR w.issued_on <= until)
               AND w.words @@ wanted
            OFFSET 0) hit
     WHERE after_document IS NULL
        OR (hit.exact, hit.rank, hit.document) < (after_exact, after_rank, after_document)
     ORDER BY hit.exact DESC, hit.rank DESC, hit.document DESC
     LIMIT page;
END
$f$;
"""

_RIGHTS = """
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA catalog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.session_labels(), catalog.session_fonds(), catalog.session_is_archive()
    TO nopluu_catalog, nopluu_catalog_finder;
GRANT EXECUTE ON FUNCTION catalog.session_writes(),
    catalog.open_session(smallint, uuid[], boolean, boolean, integer),
    catalog.find(tsquery, tsquery, text, date, date, boolean, real, uuid, integer) TO nopluu_catalog;

GRANT SELECT, INSERT, UPDATE ON catalog.received_message TO nopluu_catalog;
GRANT SELECT, INSERT, UPDATE ON catalog.fonds TO nopluu_catalog;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON catalog.package, catalog.dossier, catalog.document, catalog.component, catalog.document_words TO nopluu_catalog;
GRANT SELECT ON catalog.document_words, catalog.fonds TO nopluu_catalog_finder;

-- The finder owns its function and nothing else; it could make no other.
GRANT CREATE ON SCHEMA catalog TO nopluu_catalog_finder;
DO $owner$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE 'GRANT nopluu_catalog_finder TO ' || quote_ident(current_user);
    END IF;
END
$owner$;
ALTER FUNCTION catalog.find(tsquery, tsquery, text, date, date, boolean, real, uuid, integer)
    OWNER TO nopluu_catalog_finder;
REVOKE CREATE ON SCHEMA catalog FROM nopluu_catalog_finder;
"""


def _policies(table: str, label: str, fonds: str) -> str:
    """Row-level security of one table; `label` is the condition on the row's label, with its AND, or empty."""
    return f"""
ALTER TABLE catalog.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalog.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY session_reads ON catalog.{table} FOR SELECT TO nopluu_catalog USING (
    {label}({fonds} = ANY ((SELECT catalog.session_fonds())::uuid[]) OR (SELECT catalog.session_is_archive())));
CREATE POLICY session_inserts ON catalog.{table} FOR INSERT TO nopluu_catalog
    WITH CHECK ((SELECT catalog.session_writes()));
CREATE POLICY session_updates ON catalog.{table} FOR UPDATE TO nopluu_catalog
    USING ((SELECT catalog.session_writes())) WITH CHECK ((SELECT catalog.session_writes()));
CREATE POLICY session_deletes ON catalog.{table} FOR DELETE TO nopluu_catalog
    USING ((SELECT catalog.session_writes()));
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_TABLES)
    for remainder in range(COMPONENT_PARTITIONS):
        # Nobody has rights on a partition, and nobody passes its row-level security: rows are reached by the parent.
        connection.exec_driver_sql(
            f"CREATE TABLE catalog.component_{remainder} PARTITION OF catalog.component"
            f" FOR VALUES WITH (MODULUS {COMPONENT_PARTITIONS}, REMAINDER {remainder});"
            f"ALTER TABLE catalog.component_{remainder} ENABLE ROW LEVEL SECURITY;"
            f"ALTER TABLE catalog.component_{remainder} FORCE ROW LEVEL SECURITY"
        )
    connection.exec_driver_sql(_FINDER)
    connection.exec_driver_sql(_SESSIONS)
    connection.exec_driver_sql(_FIND)
    for table in LABELLED:
        connection.exec_driver_sql(
            _policies(table, "label = ANY ((SELECT catalog.session_labels())::smallint[]) AND ", "fonds")
        )
    connection.exec_driver_sql(_policies("fonds", "", "id"))
    for table in ("document_words", "fonds"):
        connection.exec_driver_sql(
            f"CREATE POLICY finder_reads ON catalog.{table} FOR SELECT TO nopluu_catalog_finder USING (true)"
        )
    connection.exec_driver_sql(_RIGHTS)
    op.execute(nonce_ddl("catalog"))


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
