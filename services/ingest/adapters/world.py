"""Time from the system's clock, chance from the system's source."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from uuid import UUID

from services.kernel.vietnam import day_in_vietnam
from services.runtime.fresh_ids import new_uuid7


class SystemWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return day_in_vietnam(self.now())

    def new_id(self) -> UUID:
        return new_uuid7()

    def random(self, size: int) -> bytes:
        return secrets.token_bytes(size)
