"""The machine's clock and its randomness."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from uuid import UUID

from services.kernel.vietnam import day_in_vietnam
from services.runtime.fresh_ids import new_uuid7


class RealWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return day_in_vietnam(self.now())

    def new_id(self) -> UUID:
        return new_uuid7()

    def token(self) -> str:
        return secrets.token_urlsafe(16)
