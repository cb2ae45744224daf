"""A document counts the files it still has, and a stub outlives the expulsion of everything beside it.

A package was hidden whole once all its components were expelled, with it documents that never had one: the stubs, whose
originals lie on paper. It is now hidden whole once every document has an expelled component.

Revision ID: 0026
Revises: 0029
"""

from alembic import op

revision = "0026"
down_revision = "0029"
branch_labels = None
depends_on = None

_CATALOG = """
CREATE OR REPLACE FUNCTION catalog.settle_holds(wanted uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    positions integer[];
    everything boolean;
    expelled_positions integer[];
BEGIN
    SELECT coalesce(array_agg(item.position), '{}'), coalesce(bool_or(item.position = -1), false)
      INTO positions, everything
      FROM catalog.hold_item item JOIN catalog.hold ON hold.id = item.hold
     WHERE item.package = wanted AND hold.lifted_at IS NULL;
    UPDATE catalog.component c SET erased_at = e.erased_at
      FROM catalog.erased_component e
     WHERE c.package = wanted AND e.id = c.id AND c.erased_at IS DISTINCT FROM e.erased_at;
    UPDATE catalog.document d SET component_count = left_over.counted
      FROM (SELECT c.document, count(*) FILTER (WHERE c.erased_at IS NULL) AS counted
              FROM catalog.component c WHERE c.package = wanted
             GROUP BY c.document HAVING bool_or(c.erased_at IS NOT NULL)) left_over
     WHERE d.id = left_over.document AND d.component_count <> left_over.counted;
    SELECT coalesce(array_agg(DISTINCT d.position), '{}') INTO expelled_positions
      FROM catalog.component c
      JOIN catalog.erased_component e ON e.id = c.id AND e.expelled
      JOIN catalog.document d ON d.id = c.document
     WHERE c.package = wanted AND c.erased_at IS NOT NULL;
    IF cardinality(expelled_positions) > 0 THEN
        positions := positions || expelled_positions;
        everything := everything OR NOT EXISTS (
            SELECT FROM catalog.document d WHERE d.package = wanted AND d.position <> ALL (expelled_positions)
        );
    END IF;
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

SELECT catalog.settle_holds(package)
  FROM (SELECT DISTINCT c.package FROM catalog.component c JOIN catalog.erased_component e ON e.id = c.id) AS touched;
"""


def upgrade() -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_CATALOG)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
