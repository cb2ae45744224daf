"""Journal: events, leaves, checkpoints, and the functions through which the services write and read.

A service may execute `journal.append` and `journal.entry` and nothing else; the sequencer numbers what is pending and
can neither change nor remove a leaf or a checkpoint; an event's salt and bytes can be erased, by one function of the
owner that logs itself. `pending` holds what has no leaf yet: a row enters it in the transaction of its event and leaves
it in the transaction of its leaf, so that finding the unnumbered never searches the numbered.

Events are partitioned by month through their ids: a UUIDv7 begins with its time, so the primary key can be the id alone
and stays unique over all months.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MONTHS_AHEAD = 3

_TABLES = """
CREATE TABLE journal.event (
    id uuid PRIMARY KEY,
    appended_at timestamptz NOT NULL,
    appended_by name NOT NULL,
    salt bytea CHECK (octet_length(salt) = 32),
    event bytea,
    CHECK ((salt IS NULL) = (event IS NULL))
) PARTITION BY RANGE (id);
CREATE TABLE journal.event_default PARTITION OF journal.event DEFAULT;

CREATE TABLE journal.pending (
    appended_at timestamptz,
    event uuid,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    PRIMARY KEY (appended_at, event)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE journal.leaf (
    index bigint PRIMARY KEY CHECK (index >= 0),
    entry bytea NOT NULL CHECK (octet_length(entry) = 32)
);

-- Which leaf an event has. A leaf that was restored from the store has none until its event is attached again.
CREATE TABLE journal.place (
    event uuid PRIMARY KEY,
    index bigint NOT NULL UNIQUE
);

CREATE TABLE journal.checkpoint (
    size bigint PRIMARY KEY CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);
"""

_WRITING = """
CREATE FUNCTION journal.append(new_id uuid, new_salt bytea, new_event bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $append$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO journal.event (id, appended_at, appended_by, salt, event)
        VALUES (new_id, moment, session_user, new_salt, new_event);
    -- the prefix is "nopluu/leaf1" and a zero byte
    INSERT INTO journal.pending (appended_at, event, entry)
        VALUES (moment, new_id, sha256('\\x6e6f706c75752f6c6561663100'::bytea || new_salt || new_event));
END
$append$;

CREATE FUNCTION journal.entry(wanted uuid) RETURNS TABLE (index bigint, salt bytea, event bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $entry$
    SELECT place.index, event.salt, event.event
      FROM journal.event JOIN journal.place ON place.event = event.id
     WHERE event.id = wanted AND event.appended_by = session_user AND event.event IS NOT NULL
$entry$;

CREATE FUNCTION journal.erase(target uuid, record uuid, record_salt bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $erase$
BEGIN
    UPDATE journal.event SET salt = NULL, event = NULL
     WHERE id = target AND event.event IS NOT NULL AND EXISTS (SELECT FROM journal.place WHERE place.event = target);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such event, or it has no leaf yet, or it is erased already';
    END IF;
    PERFORM journal.append(record, record_salt, convert_to(
        '{"at":"' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        || '","event":"' || target || '","type":"event_erased"}', 'UTF8'));
END
$erase$;

-- For `rebuild`: puts an event whose leaf exists (restored from the store) back in its place.
CREATE FUNCTION journal.attach(old_id uuid, old_salt bytea, old_event bytea, author name, at bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $attach$
BEGIN
    IF NOT EXISTS (SELECT FROM journal.leaf WHERE index = at
                      AND entry = sha256('\\x6e6f706c75752f6c6561663100'::bytea || old_salt || old_event)) THEN
        RAISE EXCEPTION 'the leaf is another event''s';
    END IF;
    INSERT INTO journal.event (id, appended_at, appended_by, salt, event)
        VALUES (old_id, clock_timestamp(), author, old_salt, old_event) ON CONFLICT (id) DO NOTHING;
    INSERT INTO journal.place (event, index) VALUES (old_id, at) ON CONFLICT DO NOTHING;
END
$attach$;
"""

_KEEPING = """
CREATE FUNCTION journal.event_keep(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $keep$
DECLARE
    month timestamp;
    low uuid;
    high uuid;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('journal.event_keep'));
    FOR month IN SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                                        date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead),
                                        interval '1 month') LOOP
        low := rpad(lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0'), 32, '0');
        high := rpad(lpad(to_hex((extract(epoch FROM month + interval '1 month') * 1000)::bigint), 12, '0'), 32, '0');
        IF to_regclass(format('journal.event_%s', to_char(month, 'YYYYMM'))) IS NULL
           AND NOT EXISTS (SELECT FROM journal.event_default WHERE id >= low AND id < high) THEN
            EXECUTE format('CREATE TABLE journal.event_%s PARTITION OF journal.event FOR VALUES FROM (%L) TO (%L)',
                           to_char(month, 'YYYYMM'), low, high);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$keep$;

CREATE FUNCTION journal.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION 'the log only grows: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME;
END
$refuse$;
CREATE TRIGGER leaf_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.leaf
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
CREATE TRIGGER place_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.place
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
CREATE TRIGGER checkpoint_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
CREATE TRIGGER event_is_kept BEFORE DELETE OR TRUNCATE ON journal.event
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
"""

_RIGHTS = """
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA journal FROM PUBLIC;
GRANT USAGE ON SCHEMA journal TO nopluu_auth, nopluu_ingest, nopluu_catalog;
GRANT EXECUTE ON FUNCTION journal.append(uuid, bytea, bytea), journal.entry(uuid)
    TO nopluu_auth, nopluu_ingest, nopluu_catalog;
GRANT SELECT ON journal.event, journal.pending, journal.leaf, journal.place, journal.checkpoint TO nopluu_journal;
GRANT INSERT ON journal.leaf, journal.place, journal.checkpoint TO nopluu_journal;
GRANT DELETE ON journal.pending TO nopluu_journal;
GRANT EXECUTE ON FUNCTION journal.event_keep(integer) TO nopluu_journal;
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for statements in (_TABLES, _WRITING, _KEEPING, _RIGHTS):
        connection.exec_driver_sql(statements)
    connection.exec_driver_sql(f"SELECT journal.event_keep({MONTHS_AHEAD})")


def downgrade() -> None:
    raise RuntimeError("a log is never dropped by a migration")
