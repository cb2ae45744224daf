"""Erasure reaches the catalog: ingest's rows say when and why a component went, catalog's rows follow.

`catalog.settle_holds` now settles erasures too, for it is called wherever a package's rows are made or changed: an
expelled component hides its document as a hold does, and a package all of whose components were expelled is hidden
whole. Rows of before take what ingest's orders tell; `nopluu-admin catalog reindex` lets registered packages follow.

Revision ID: 0018
Revises: 0014
"""

from alembic import op

revision = "0018"
down_revision = "0014"
branch_labels = None
depends_on = None

_INGEST = """
ALTER TABLE ingest.component ADD COLUMN erased_at timestamptz, ADD COLUMN expelled boolean NOT NULL DEFAULT false;

UPDATE ingest.component c SET erased_at = e.erased_at, expelled = e.expelled
  FROM (SELECT component, min(ordered_at) AS erased_at, bool_or(kind = 'expulsion') AS expelled
          FROM ingest.erasure, unnest(components) AS component GROUP BY component) e
 WHERE c.id = e.component;
"""

_CATALOG = """
CREATE TABLE catalog.erased_component (
    id uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL,
    expelled boolean NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON catalog.erased_component TO nopluu_catalog;
INSERT INTO catalog.erased_component (id, erased_at, expelled)
    SELECT id, min(erased_at), bool_or(expelled) FROM ingest.component WHERE erased_at IS NOT NULL GROUP BY id;

ALTER TABLE catalog.component ADD COLUMN erased_at timestamptz;

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
    SELECT coalesce(array_agg(DISTINCT d.position), '{}') INTO expelled_positions
      FROM catalog.component c
      JOIN catalog.erased_component e ON e.id = c.id AND e.expelled
      JOIN catalog.document d ON d.id = c.document
     WHERE c.package = wanted AND c.erased_at IS NOT NULL;
    IF cardinality(expelled_positions) > 0 THEN
        positions := positions || expelled_positions;
        everything := everything OR NOT EXISTS (
            SELECT FROM catalog.component c
             WHERE c.package = wanted
               AND NOT EXISTS (SELECT FROM catalog.erased_component e WHERE e.id = c.id AND e.expelled)
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
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(_INGEST)
    connection.exec_driver_sql(_CATALOG)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
