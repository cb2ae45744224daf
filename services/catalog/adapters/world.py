"""The machine's clock and its randomness."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, date, datetime
from uuid import UUID

from services.kernel.identifiers import uuid7
from services.kernel.vietnam import day_in_vietnam


class RealWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return day_in_vietnam(self.now())

    def new_id(self) -> UUID:
        return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))

    def token(self) -> str:
        return secrets.token_urlsafe(16)
