"""The machine's clock and its randomness."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


class RealWorld:
    """See `usecases.ports.World`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def token(self) -> str:
        return secrets.token_urlsafe(16)
