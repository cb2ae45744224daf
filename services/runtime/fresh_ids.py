"""New identifiers, in the order of their making by this machine's clock."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

from services.kernel.identifiers import uuid7


def new_uuid7() -> UUID:
    """A UUID that nobody else has made or can guess; its first 48 bits are the time in milliseconds."""
    return uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))
