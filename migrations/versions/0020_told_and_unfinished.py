"""What `catalog rebuild` asks of ingest's rows, and what every process asks before it serves: is a rebuild unfinished?

`ingest.told_holds` and `ingest.told_labels` say what ingest told catalog in the course of time, out of the rows that it
keeps for itself; nobody but the database's owner may call them. `journal.unfinished_rebuilds` tells every service of the
marks in schemas that it may not read.

Revision ID: 0020
Revises: 0026
"""

from alembic import op

revision = "0020"
down_revision = "0026"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE FUNCTION ingest.told_holds()
    RETURNS TABLE (hold uuid, placed_at timestamptz, lifted_at timestamptz, covered jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT h.id, h.placed_at, h.lifted_at,
           jsonb_agg(jsonb_build_array(i.chain, i.package, i.document) ORDER BY i.package, i.document)
      FROM ingest.hold h JOIN ingest.hold_item i ON i.hold = h.id
     GROUP BY h.id, h.placed_at, h.lifted_at
$f$;

-- A package of which catalog was told nothing yet has revision 0 and is not named.
CREATE FUNCTION ingest.told_labels(wanted uuid[])
    RETURNS TABLE (package uuid, chain uuid, revision integer, labels jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT p.id, p.chain, t.revision, jsonb_object_agg(c.document, c.level)
      FROM ingest.classification_told t
      JOIN ingest.package p ON p.id = t.package
      JOIN ingest.classification c ON c.package = t.package
     WHERE t.package = ANY (wanted) AND t.revision > 0
     GROUP BY p.id, p.chain, t.revision
$f$;

-- Whether these are the rows of a running archive, or of one whose rebuild is ended.
CREATE FUNCTION ingest.is_whole() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
    SELECT CASE WHEN EXISTS (SELECT FROM ingest.rebuild) THEN (SELECT ended_at IS NOT NULL FROM ingest.rebuild)
                ELSE EXISTS (SELECT FROM ingest.package) END
$f$;

CREATE FUNCTION journal.unfinished_rebuilds() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    SELECT 'ingest' FROM ingest.rebuild WHERE ended_at IS NULL
    UNION ALL SELECT 'catalog' FROM catalog.rebuild WHERE ended_at IS NULL
$f$;

REVOKE ALL ON FUNCTION ingest.told_holds(), ingest.told_labels(uuid[]), ingest.is_whole(),
    journal.unfinished_rebuilds() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal.unfinished_rebuilds() TO nopluu_ingest, nopluu_catalog, nopluu_journal;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
