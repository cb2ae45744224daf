"""What `rebuild` needs: recovery records that tell an old one from the newest, and a mark while rows are brought back.

`journal.appended` gives a service the salt and bytes of its own event before the event has its leaf, for a record is
written anew whenever a package changes. `journal.leaf_of` finds leaves by their entry: entries are public, events are not.

Revision ID: 0009
Revises: 0007
"""

from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_MARK = """
CREATE TABLE {schema}.rebuild (
    single boolean PRIMARY KEY DEFAULT true,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT rebuild_single CHECK (single)
);
GRANT SELECT, INSERT, UPDATE ON {schema}.rebuild TO nopluu_{schema};
"""

_STATEMENTS = """
ALTER TABLE ingest.package
    ADD COLUMN record_number integer NOT NULL DEFAULT 0,
    ADD COLUMN record_secret bytea;

CREATE FUNCTION journal.appended(wanted uuid) RETURNS TABLE (salt bytea, event bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $appended$
    SELECT event.salt, event.event FROM journal.event
     WHERE event.id = wanted AND event.appended_by = session_user AND event.event IS NOT NULL
$appended$;
REVOKE ALL ON FUNCTION journal.appended(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal.appended(uuid) TO nopluu_auth, nopluu_ingest, nopluu_catalog;

CREATE FUNCTION journal.leaf_of(entries bytea[]) RETURNS TABLE (entry bytea, index bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $leaf_of$
    SELECT leaf.entry, leaf.index FROM journal.leaf WHERE leaf.entry = ANY (entries)
$leaf_of$;
REVOKE ALL ON FUNCTION journal.leaf_of(bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal.leaf_of(bytea[]) TO nopluu_ingest, nopluu_catalog;
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_STATEMENTS)
    for schema in ("ingest", "catalog"):
        connection.exec_driver_sql(_MARK.format(schema=schema))


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
