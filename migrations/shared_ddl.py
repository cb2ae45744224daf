"""Tables that several services keep, each in its own schema."""

from __future__ import annotations

import re


def nonce_ddl(schema: str) -> str:
    """Create `<schema>.nonce` and the function that keeps it; the service's role may use both and delete no nonce.

    One partition for each UTC day of the signed `created`, so that forgetting a day is dropping a table; an ordinary
    logged table, because an unlogged one is emptied by a crash and every nonce could be used again. The default
    partition catches a day whose partition was not made in time.

    `<schema>.nonce_keep(today, ahead)` makes the partitions from yesterday to `ahead` days from now and drops those before
    yesterday (a nonce lives 300 seconds, so yesterday's are the oldest that still count).

    Source: DESIGN 3 (partitions), security register "Request signing".
    """
    if not re.fullmatch(r"[a-z_]+", schema):
        raise ValueError("a schema name is lower-case letters")
    # No percent sign in here: `op.execute` doubles it, and psycopg without parameters leaves it doubled.
    return f"""
CREATE TABLE {schema}.nonce (
    day date NOT NULL,
    keyid text NOT NULL,
    nonce text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (day, keyid, nonce)
) PARTITION BY RANGE (day);

CREATE TABLE {schema}.nonce_default PARTITION OF {schema}.nonce DEFAULT;

CREATE FUNCTION {schema}.nonce_keep(today date, ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $keep$
DECLARE
    d date;
    name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{schema}.nonce_keep'));
    FOR d IN SELECT generate_series(today - 1, today + ahead, interval '1 day') LOOP
        name := 'nonce_' || to_char(d, 'YYYYMMDD');
        IF to_regclass('{schema}.' || name) IS NULL
           AND NOT EXISTS (SELECT 1 FROM {schema}.nonce_default WHERE day = d) THEN
            EXECUTE 'CREATE TABLE {schema}.' || quote_ident(name) || ' PARTITION OF {schema}.nonce FOR VALUES FROM ('
                || quote_literal(d) || ') TO (' || quote_literal(d + 1) || ')';
            made := made + 1;
        END IF;
    END LOOP;
    FOR name IN
        SELECT child.relname
          FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
         WHERE inhparent = '{schema}.nonce'::regclass AND child.relname ~ '^nonce_[0-9]{{8}}$'
           AND to_date(substr(child.relname, 7), 'YYYYMMDD') < today - 1
    LOOP
        EXECUTE 'DROP TABLE {schema}.' || quote_ident(name);
    END LOOP;
    DELETE FROM {schema}.nonce_default WHERE day < today - 1;
    RETURN made;
END
$keep$;

REVOKE ALL ON FUNCTION {schema}.nonce_keep(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.nonce_keep(date, integer) TO nopluu_{schema};
GRANT SELECT, INSERT ON {schema}.nonce TO nopluu_{schema};
SELECT {schema}.nonce_keep((now() AT TIME ZONE 'UTC')::date, 7);
"""
