"""Officers' rows made anew from their acts, by the database's owner, in one transaction.

Which tables these are, their keys and what refers to what is asked of the database itself, so that no list here can be
older than the schema. A row may come from an older schema: columns that it does not have take their defaults.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.adapters import tables as t
from services.ingest.adapters.unfinished import settle_holds
from services.ingest.usecases.rebuild_acts import ReadPages
from services.kernel.sealing.act_book import BOOK_SALT, PREFIX, ActPage, book_event, page_event, page_salt
from services.kernel.sealing.recovered import Refused
from services.runtime import journal

_PACKAGE: Final = "package"
_TABLES: Final = text("""
SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_constraint k JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
         WHERE k.conrelid = c.oid AND k.contype = 'p') AS key,
       coalesce((SELECT json_agg(json_build_object(
                'table', f.relname, 'schema', f.relnamespace::regnamespace,
                'own', (SELECT json_agg(a.attname ORDER BY n.at) FROM unnest(k.conkey) WITH ORDINALITY n (num, at)
                          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.num),
                'other', (SELECT json_agg(a.attname ORDER BY n.at) FROM unnest(k.confkey) WITH ORDINALITY n (num, at)
                          JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum = n.num)))
          FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
         WHERE k.conrelid = c.oid AND k.contype = 'f'), '[]') AS refers
  FROM pg_class c JOIN pg_trigger g ON g.tgrelid = c.oid
 WHERE c.relnamespace = 'ingest'::regnamespace AND g.tgname = 'act_kept'
 ORDER BY c.relname
""")
_SERIALS: Final = text("""
SELECT c.relname AS name, a.attname AS column, pg_get_serial_sequence('ingest.' || quote_ident(c.relname), a.attname) AS sequence
  FROM pg_class c JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgname = 'act_kept'
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'ingest'::regnamespace
   AND pg_get_serial_sequence('ingest.' || quote_ident(c.relname), a.attname) IS NOT NULL
""")
# What was never sealed cannot be gone on with: its parts and keys are lost, and the agency declares again.
_ENDED: Final = ("refused", "abandoned", "expired")
_ATTACH: Final = text("SELECT journal.attach(:id, :salt, :event, :author, :index)")


@dataclass(frozen=True, slots=True)
class _Reference:
    schema: str
    table: str
    own: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A table whose changes are acts."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    refers: tuple[_Reference, ...]


class SqlReplay:
    """See `usecases.rebuild_acts.Replay`; `author` is the role whose events the pages' are."""

    def __init__(self, connection: AsyncConnection, author: str) -> None:
        self._connection = connection
        self._author = author
        self._ready = False

    async def stage(self, page: ActPage) -> None:
        await self._begin()
        raw = await self._connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            raise RuntimeError("the connection is closed")
        async with driver.cursor() as cursor, cursor.copy(_STAGE) as copy:
            for act in page.acts:
                await copy.write_row((page.number, act.id, act.table, act.removed, act.row))

    async def rows(self, read: ReadPages) -> Sequence[Refused]:
        await self._begin()
        tables = _in_order([_kept(row) for row in await self._connection.execute(_TABLES)])
        believed = sorted(read.judged.believed)
        await self._run(SQL("DELETE FROM staged_act WHERE page <> ALL ({})").format(Literal(believed)))
        await self._run(SQL("CREATE INDEX ON staged_act (relation)"))
        for table in tables:
            await self._run(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(_name(table.name)))
        await self._empty(tables)
        refused = await self._unknown(tables)
        for table in tables:
            refused += await self._restore(table)
        await settle_holds(self._connection, complete=not (refused or read.refused))
        for table in tables:
            await self._run(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(_name(table.name)))
        await self._go_on(read)
        return refused

    async def _begin(self) -> None:
        if not self._ready:
            await self._run(SQL(_STAGED))
            self._ready = True

    async def _empty(self, tables: Sequence[_Kept]) -> None:
        """What an earlier run brought back is brought back anew."""
        for table in reversed(tables):
            if table.name != _PACKAGE:
                await self._run(SQL("DELETE FROM {}").format(_name(table.name)))
        await self._run(SQL("DELETE FROM ingest.package WHERE seal_event IS NULL"))
        await self._run(SQL("DELETE FROM ingest.act"))

    async def _unknown(self, tables: Sequence[_Kept]) -> list[Refused]:
        names = [table.name for table in tables]
        query = SQL("SELECT DISTINCT relation FROM staged_act WHERE relation <> ALL ({})").format(Literal(names))
        return [Refused(f"{PREFIX}{name}", "act-table-unknown") for (name,) in await self._fetch(query)]

    async def _restore(self, table: _Kept) -> list[Refused]:
        key = SQL(", ").join(SQL("row -> {}").format(Literal(name)) for name in table.key)
        await self._run(SQL("TRUNCATE last_act"))
        await self._run(
            SQL(
                "INSERT INTO last_act SELECT key, row FROM ("
                " SELECT DISTINCT ON (key) key, removed, row FROM ("
                "  SELECT id, removed, row, jsonb_build_array({key}) AS key FROM staged_act WHERE relation = {table}) s"
                " ORDER BY key, id DESC) l WHERE NOT removed"
            ).format(table=Literal(table.name), key=key)
        )
        refused = []
        if table.name == _PACKAGE:
            await self._run(
                SQL(
                    "UPDATE last_act SET row = row || '{{\"state\": \"expired\"}}' WHERE row ->> 'state' <> ALL ({})"
                ).format(Literal(list(_ENDED)))
            )
            await self._run(SQL("DELETE FROM last_act WHERE (row ->> 'id')::uuid IN (SELECT id FROM ingest.package)"))
        for reference in table.refers:
            gone = SQL("DELETE FROM last_act WHERE {} RETURNING key").format(_dangling(table, reference))
            refused += [_refused(table, "act-row-dangling", found) for (found,) in await self._fetch(gone)]
        shapes = SQL("SELECT DISTINCT ARRAY(SELECT jsonb_object_keys(row) ORDER BY 1) FROM last_act")
        for (shape,) in await self._fetch(shapes):
            refused += await self._insert(table, shape)
        return refused

    async def _insert(self, table: _Kept, shape: Sequence[str]) -> list[Refused]:
        columns = [name for name in table.columns if name in set(shape)]
        names = SQL(", ").join(map(Identifier, columns))
        statement = SQL(
            "INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM last_act,"
            " jsonb_populate_record(NULL::{name}, last_act.row) r"
            " WHERE ARRAY(SELECT jsonb_object_keys(last_act.row) ORDER BY 1) = {shape}"
        ).format(
            name=_name(table.name),
            columns=names,
            values=SQL(", ").join(SQL("r.{}").format(Identifier(name)) for name in columns),
            shape=Literal(list(shape)),
        )
        try:
            async with self._connection.begin_nested():
                await self._run(statement)
        except (DataError, IntegrityError):
            return await self._insert_each(table, shape, statement)
        return []

    async def _insert_each(self, table: _Kept, shape: Sequence[str], statement: Composed) -> list[Refused]:
        """One by one where a row contradicts another: it must not speak for the others."""
        query = SQL("SELECT key FROM last_act WHERE ARRAY(SELECT jsonb_object_keys(row) ORDER BY 1) = {}").format(
            Literal(list(shape))
        )
        refused = []
        for (key,) in await self._fetch(query):
            try:
                async with self._connection.begin_nested():
                    await self._run(statement + SQL(" AND last_act.key = {}::jsonb").format(Literal(json.dumps(key))))
            except (DataError, IntegrityError):
                refused.append(_refused(table, "act-row-contradicts", key))
        return refused

    async def _go_on(self, read: ReadPages) -> None:
        """The book, its events and the sequences, so that the next act and the next page continue what there was."""
        judged = read.judged
        if judged.book is None:
            return
        before = None if judged.newest is None else judged.newest.ref
        row = {
            "id": judged.book.id,
            "secret": judged.book.secret,
            "number": judged.highest,
            "page": None if before is None else before.number,
            "page_sha256": None if before is None else before.sha256,
        }
        standing = upsert(t.act_book).values(row)
        await self._connection.execute(standing.on_conflict_do_update(index_elements=["single"], set_=row))
        events = [
            (page_salt(judged.book.secret, number), page_event(number), read.leaves[number])
            for number in sorted(judged.believed)
            if number in read.leaves
        ]
        if read.begun is not None:
            events.append((BOOK_SALT, book_event(), read.begun))
        places = set(
            (await self._connection.execute(text("SELECT index FROM journal.place"))).scalars() if events else ()
        )
        rows = [
            {"id": journal.ticket().id, "salt": salt, "event": event, "author": self._author, "index": index}
            for salt, event, index in events
            if index not in places
        ]
        if rows:
            await self._connection.execute(_ATTACH, rows)
        await self._run(
            SQL(
                "SELECT setval(pg_get_serial_sequence('ingest.act', 'id'), max(id)) FROM staged_act HAVING max(id) IS NOT NULL"
            )
        )
        for name, column, sequence in (await self._connection.execute(_SERIALS)).all():
            await self._run(
                SQL(
                    "SELECT setval({}, max((row ->> {})::bigint)) FROM staged_act WHERE relation = {}"
                    " HAVING max(id) IS NOT NULL"
                ).format(Literal(sequence), Literal(column), Literal(name))
            )

    async def _run(self, statement: Composable) -> None:
        await self._connection.exec_driver_sql(await self._text(statement))

    async def _fetch(self, statement: Composable) -> Sequence[Any]:
        return (await self._connection.exec_driver_sql(await self._text(statement))).all()

    async def _text(self, statement: Composable) -> str:
        return statement.as_string(None).replace("%", "%%")


_STAGED: Final = """
CREATE TEMPORARY TABLE staged_act (page bigint NOT NULL, id bigint NOT NULL, relation text NOT NULL, removed boolean NOT NULL,
                                   row jsonb NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE last_act (key jsonb NOT NULL, row jsonb NOT NULL) ON COMMIT DROP;
"""
_STAGE: Final = "COPY staged_act (page, id, relation, removed, row) FROM STDIN"


def _kept(row: Any) -> _Kept:
    refers = tuple(
        _Reference(entry["schema"], entry["table"], tuple(entry["own"]), tuple(entry["other"])) for entry in row.refers
    )
    return _Kept(row.name, tuple(row.columns), tuple(row.key), refers)


def _in_order(tables: Sequence[_Kept]) -> list[_Kept]:
    """Tables after those that they refer to."""
    left = {table.name: table for table in tables}
    done: list[_Kept] = []
    while left:
        free = [
            table
            for table in left.values()
            if not any(found.table in left and found.table != table.name for found in table.refers)
        ]
        if not free:
            raise RuntimeError("tables refer to each other in a circle")
        done += [left.pop(table.name) for table in free]
    return done


def _dangling(table: _Kept, reference: _Reference) -> Composed:
    """Rows whose reference says something and finds nothing; their types are the other table's."""
    other = Identifier(reference.schema, reference.table)
    record = SQL("jsonb_populate_record(NULL::{}, last_act.row)").format(_name(table.name))
    said = SQL(" AND ").join(SQL("({}).{} IS NOT NULL").format(record, Identifier(name)) for name in reference.own)
    same = SQL(" AND ").join(
        SQL("found.{} = ({}).{}").format(Identifier(there), record, Identifier(here))
        for here, there in zip(reference.own, reference.other, strict=True)
    )
    return SQL("{} AND NOT EXISTS (SELECT FROM {} found WHERE {})").format(said, other, same)


def _name(table: str) -> Identifier:
    return Identifier("ingest", table)


def _refused(table: _Kept, code: str, key: Sequence[object]) -> Refused:
    return Refused(f"{PREFIX}{table.name}", code, " ".join(map(str, key)))
