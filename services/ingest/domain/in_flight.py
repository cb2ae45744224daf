"""How many bytes of bodies an instance has taken on: by agency, and in all.

Counted before a body is read, in bytes and never in requests per second (DESIGN 5 "Limits").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.kernel.identifiers import AgencyId
from services.kernel.refusals.packages import AgencyBusy, InstanceBusy

_RETRY_AFTER = 2  # seconds


class InFlight:
    """One instance's count. A body larger than a limit is still taken where nothing else is in flight."""

    def __init__(self, *, agency_limit: int, instance_limit: int) -> None:
        self._agency_limit = agency_limit
        self._instance_limit = instance_limit
        self._agencies: dict[AgencyId, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes in flight now."""
        return self._total

    @contextmanager
    def take(self, agency: AgencyId, size: int) -> Iterator[None]:
        """Count `size` bytes of the agency's while the block runs.

        Raises:
            AgencyBusy, InstanceBusy: it would be too much.
        """
        mine = self._agencies.get(agency, 0)
        if mine and mine + size > self._agency_limit:
            raise AgencyBusy(limit=self._agency_limit, retry_after=_RETRY_AFTER)
        if self._total and self._total + size > self._instance_limit:
            raise InstanceBusy(limit=self._instance_limit, retry_after=_RETRY_AFTER)
        self._agencies[agency] = mine + size
        self._total += size
        try:
            yield
        finally:
            self._total -= size
            left = self._agencies[agency] - size
            if left:
                self._agencies[agency] = left
            else:
                del self._agencies[agency]
