"""One command of a kind at a time, on whatever machine: a session's advisory lock, which ends with its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_TRY: Final = text("SELECT pg_try_advisory_lock(hashtextextended('nopluu.' || :name, 0))")
_LEAVE: Final = text("SELECT pg_advisory_unlock(hashtextextended('nopluu.' || :name, 0))")


class AlreadyRunning(Exception):
    """Another process is at it."""


@asynccontextmanager
async def alone(engine: AsyncEngine, name: str) -> AsyncIterator[None]:
    """Be the only one within the block.

    Raises:
        AlreadyRunning: another session has the name; nothing was begun.
    """
    async with engine.connect() as connection:
        taken = (await connection.execute(_TRY, {"name": name})).scalar_one()
        await connection.commit()  # the lock is the session's; a transaction open for hours would hold up vacuum
        if not taken:
            raise AlreadyRunning(name)
        try:
            yield
        finally:
            await connection.execute(_LEAVE, {"name": name})
            await connection.commit()
