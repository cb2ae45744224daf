"""What fixity found, in rows: which parts are broken until they are found whole, and whose turn it is to be read.

An alert stands on these rows, not on the memory of one worker; a night that ended early is the next night's.

Source: DECISION-0033.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.adapters.fixity import PartRead, Slice, check_fixity
from services.runtime.database import transaction
from services.runtime.object_store.port import ObjectStore

_DUE: Final = text(
    "SELECT due.slice FROM generate_series(0, :slices - 1) AS due (slice)"
    " LEFT JOIN ingest.fixity_reading AS reading ON reading.slices = :slices AND reading.slice = due.slice"
    " ORDER BY reading.read_at NULLS FIRST, due.slice LIMIT 1"
)
_READ: Final = text(
    "INSERT INTO ingest.fixity_reading (slices, slice, read_at) VALUES (:slices, :slice, :at)"
    " ON CONFLICT (slices, slice) DO UPDATE SET read_at = excluded.read_at"
)
_GONE: Final = text(
    "DELETE FROM ingest.part_fault AS fault WHERE NOT EXISTS"
    " (SELECT FROM ingest.part WHERE part.package = fault.package AND part.number = fault.number)"
)
_BROKEN: Final = text("SELECT package, number FROM ingest.part_fault ORDER BY package, number")
_FOUND: Final = text(
    "INSERT INTO ingest.part_fault (package, number, fault, found_at) VALUES (:package, :number, :fault, :at)"
    " ON CONFLICT (package, number) DO UPDATE SET fault = excluded.fault"
)
_WHOLE: Final = text("DELETE FROM ingest.part_fault WHERE package = :package AND number = :number")


class FixityRows:
    """See the module. Every method raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, slices: int) -> Slice:
        """The slice that was not read to its end for the longest time."""
        async with transaction(self._engine) as connection:
            return Slice((await connection.execute(_DUE, {"slices": slices})).scalar_one(), slices)

    async def keep_reading(self, which: Slice, at: datetime) -> None:
        """The slice was read to its end."""
        async with transaction(self._engine) as connection:
            await connection.execute(_READ, {"slices": which.of, "slice": which.number, "at": at})

    async def broken(self) -> list[str]:
        """The parts that were found broken and still stand."""
        async with transaction(self._engine) as connection:
            await connection.execute(_GONE)
            return [f"{row.package}/{row.number}" for row in await connection.execute(_BROKEN)]

    async def keep(self, read: PartRead, at: datetime) -> None:
        """What is wrong with a part from now on; nothing where it is whole."""
        package, _, number = read.name.partition("/")
        row = {"package": UUID(package), "number": int(number)}
        async with transaction(self._engine) as connection:
            if read.fault is None:
                await connection.execute(_WHOLE, row)
            else:
                await connection.execute(_FOUND, row | {"fault": read.fault.value, "at": at})


async def read_due_slice(
    engine: AsyncEngine,
    store: ObjectStore,
    *,
    slices: int,
    rate: int,
    now: Callable[[], datetime],
    told: Callable[[PartRead, bool], None],
) -> None:
    """Read once more what is broken, then the slice whose turn it is; a reading that ends early is due again.

    `told` hears of every part, and whether it is newly found broken.

    Raises:
        StoreUnavailable, DatabaseUnavailable: what was found before is kept.
    """
    rows = FixityRows(engine)
    which, known = await rows.due(slices), set(await rows.broken())

    async def keep(part: PartRead) -> None:
        if part.fault is not None or part.name in known:
            await rows.keep(part, now())
        told(part, part.fault is not None and part.name not in known)

    await check_fixity(engine, store, which=which, again=known, rate=rate, told=keep)
    await rows.keep_reading(which, now())
