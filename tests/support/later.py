"""A world whose clock runs ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.ingest.usecases.ports import World


class Later:
    """The same world, `ahead` from now."""

    def __init__(self, world: World, ahead: timedelta) -> None:
        self._world, self._ahead = world, ahead
        self.today, self.new_id, self.random = world.today, world.new_id, world.random

    def now(self) -> datetime:
        return self._world.now() + self._ahead
