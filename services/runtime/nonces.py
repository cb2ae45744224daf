"""A nonce is used once: claiming it is an insert that either happens or proves a replay.

Every request that changes something claims its nonce in a committed transaction before its effect, so a copy of the
same bytes, at any instance and after any crash, finds the row there (DESIGN promise 3).

Source: DESIGN 3, 5.3, 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.refusals.identity import RequestReplayed

# Unqualified: the role's search_path leads to the service's own schema.
_CLAIM = text(
    "INSERT INTO nonce (day, keyid, nonce, expires_at) VALUES (:day, :keyid, :nonce, :expires_at) ON CONFLICT DO NOTHING"
)
_KEEP = text("SELECT nonce_keep(:today, :ahead)")


@dataclass(frozen=True, slots=True)
class Nonce:
    """One nonce of one key. `day` is the UTC day of the signed `created`: it chooses the partition."""

    day: date
    keyid: str
    value: str
    expires_at: datetime


async def claim(connection: AsyncConnection, nonce: Nonce) -> None:
    """Use the nonce up within the caller's transaction.

    Two transactions that claim the same nonce at once: the second waits for the first and then is refused, or goes on
    if the first rolled back.

    Raises:
        RequestReplayed: it was used before.
    """
    result = await connection.execute(
        _CLAIM, {"day": nonce.day, "keyid": nonce.keyid, "nonce": nonce.value, "expires_at": nonce.expires_at}
    )
    if result.rowcount != 1:
        raise RequestReplayed()


async def keep_partitions(connection: AsyncConnection, today: date, *, ahead: int = 7) -> int:
    """Make the partitions of the coming days and forget those before yesterday; how many were made. Repeatable."""
    return int((await connection.execute(_KEEP, {"today": today, "ahead": ahead})).scalar_one())
