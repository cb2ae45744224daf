"""Catalog: what officers hold is hidden by the database itself, and the words by which it would be found lie aside.

`catalog.settle_holds(package)` makes a package's rows agree with the holds that stand; it is called in the transaction
that shelves a package and in the one that learns of a hold, both under the lock of the package's chain, so that neither
order leaves a held row to be seen. Held words are moved away rather than marked: a search does the same work as where
they never were.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

HIDDEN = ("package", "dossier", "document", "component")

_STATEMENTS = """
CREATE TABLE catalog.hold (
    id uuid PRIMARY KEY,
    taken_at timestamptz NOT NULL,
    lifted_at timestamptz
);

-- position: a document's index in the manifest; -1 where the whole package is held.
CREATE TABLE catalog.hold_item (
    hold uuid,
    package uuid,
    position integer,
    PRIMARY KEY (hold, package, position)
);
CREATE INDEX hold_item_package ON catalog.hold_item (package);

CREATE TABLE catalog.held_words (
    document uuid PRIMARY KEY,
    package uuid NOT NULL,
    fonds uuid NOT NULL,
    label smallint NOT NULL CHECK (label BETWEEN 0 AND 3),
    issued_on date,
    day_number integer NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX held_words_package ON catalog.held_words (package);
ALTER TABLE catalog.held_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalog.held_words FORCE ROW LEVEL SECURITY;
CREATE POLICY keeper_only ON catalog.held_words TO nopluu_catalog
    USING ((SELECT catalog.session_writes())) WITH CHECK ((SELECT catalog.session_writes()));

-- With the rights of whoever calls it: only the keeper's session can change anything by it.
CREATE FUNCTION catalog.settle_holds(wanted uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    positions integer[];
    everything boolean;
BEGIN
    SELECT coalesce(array_agg(item.position), '{}'), coalesce(bool_or(item.position = -1), false)
      INTO positions, everything
      FROM catalog.hold_item item JOIN catalog.hold ON hold.id = item.hold
     WHERE item.package = wanted AND hold.lifted_at IS NULL;
    UPDATE catalog.package SET held = everything WHERE id = wanted AND held <> everything;
    UPDATE catalog.dossier SET held = everything WHERE package = wanted AND held <> everything;
    UPDATE catalog.document SET held = (everything OR position = ANY (positions))
     WHERE package = wanted AND held <> (everything OR position = ANY (positions));
    UPDATE catalog.component c SET held = d.held
      FROM catalog.document d
     WHERE c.package = wanted AND d.id = c.document AND c.held <> d.held;
    INSERT INTO catalog.held_words (document, package, fonds, label, issued_on, day_number, words)
        SELECT w.document, w.package, w.fonds, w.label, w.issued_on, w.day_number, w.words
          FROM catalog.document_words w JOIN catalog.document d ON d.id = w.document
         WHERE w.package = wanted AND d.held
        ON CONFLICT (document) DO UPDATE
           SET label = excluded.label, issued_on = excluded.issued_on, day_number = excluded.day_number,
               words = excluded.words;
    DELETE FROM catalog.document_words w USING catalog.document d
     WHERE w.package = wanted AND d.id = w.document AND d.held;
    INSERT INTO catalog.document_words (document, package, fonds, label, issued_on, day_number, words)
        SELECT w.document, w.package, w.fonds, greatest(w.label, d.label), w.issued_on, w.day_number, w.words
          FROM catalog.held_words w JOIN catalog.document d ON d.id = w.document
          JOIN catalog.package p ON p.id = w.package
         WHERE w.package = wanted AND NOT d.held AND p.current
        ON CONFLICT DO NOTHING;
    DELETE FROM catalog.held_words w USING catalog.document d
     WHERE w.package = wanted AND d.id = w.document AND NOT d.held;
END
$f$;
REVOKE ALL ON FUNCTION catalog.settle_holds(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.settle_holds(uuid) TO nopluu_catalog;
GRANT SELECT, INSERT, UPDATE ON catalog.hold TO nopluu_catalog;
GRANT SELECT, INSERT ON catalog.hold_item TO nopluu_catalog;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalog.held_words TO nopluu_catalog;
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_STATEMENTS)
    for table in HIDDEN:
        connection.exec_driver_sql(
            f"CREATE POLICY held_is_hidden ON catalog.{table} AS RESTRICTIVE FOR SELECT TO nopluu_catalog"
            " USING (NOT held OR (SELECT catalog.session_writes()))"
        )


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
