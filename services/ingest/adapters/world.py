"""Time from the system's clock, chance from the system's source."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, date, datetime
from uuid import UUID

from services.kernel.identifiers import uuid7
from services.kernel.vietnam import day_in_vietnam


class SystemWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return day_in_vietnam(self.now())

    def new_id(self) -> UUID:
        return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))

    def random(self, size: int) -> bytes:
        return secrets.token_bytes(size)
