"""Enrol, rotate, overlap, revoke, expire, disable, close: in no order does a dead key get in."""

from __future__ import annotations

from typing import cast

from hypothesis import settings

from services.auth.usecases.ports import Ledger
from tests.support.auth_memory import MemoryAuth
from tests.support.key_life import KeyLife


class KeysInMemory(KeyLife):
    """On rows in memory: every key and token is tried after every step."""

    asks_everything = True

    def open_ledger(self) -> Ledger:
        return cast(Ledger, MemoryAuth())  # it has what these use cases ask for, and not fonds or deposit sources


TestKeyLife = KeysInMemory.TestCase
TestKeyLife.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
