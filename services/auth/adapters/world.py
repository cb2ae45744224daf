"""The machine's clock and its randomness."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from services.runtime.fresh_ids import new_uuid7


class RealWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        return new_uuid7()
