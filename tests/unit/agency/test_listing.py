"""A search after a push waits for the catalog, within bounds, and says what it did not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.agency.listing import LONGEST_WAIT, await_listing
from services.agency.observing import Silent
from services.agency.state import State
from services.kernel.refusals.registry import Text

SEALED = 1_000_000.0


class Listener(Silent):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def say(self, code: str, text: Text) -> None:
        self.codes.append(code)


class Waiting:
    """A clock that moves only while somebody waits, and a catalog that lists each package at its time."""

    def __init__(self, state: State, *, lists: dict[str, float]) -> None:
        self.now = SEALED
        self.asked: list[str] = []
        self.listener = Listener()
        self._state, self._lists = state, lists

    def search(self) -> None:
        await_listing(
            self._state, listed=self._listed, observer=self.listener, pause=self._pause, clock=lambda: self.now
        )

    def _listed(self, package: str) -> bool:
        self.asked.append(package)
        return self.now >= self._lists[package]

    def _pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state")
    yield opened
    opened.close()


def test_nothing_pushed_nothing_asked(state: State) -> None:
    waiting = Waiting(state, lists={})
    waiting.search()
    assert (waiting.asked, waiting.now) == ([], SEALED)


def test_a_search_waits_until_every_pushed_package_is_listed(state: State) -> None:
    state.expect_listing("a", SEALED)
    state.expect_listing("b", SEALED)
    waiting = Waiting(state, lists={"a": SEALED, "b": SEALED + 3})
    waiting.search()
    assert waiting.now >= SEALED + 3
    assert state.expected_listings() == []
    assert waiting.listener.codes == []


def test_a_catalog_that_does_not_list_is_not_waited_for_for_ever(state: State) -> None:
    state.expect_listing("a", SEALED)
    waiting = Waiting(state, lists={"a": SEALED + 1e9})
    waiting.search()
    assert waiting.now - SEALED <= LONGEST_WAIT + 1
    assert waiting.listener.codes == ["not-yet-listed"]
    assert [package for package, _ in state.expected_listings()] == ["a"]


def test_old_pushes_are_forgotten_without_a_question(state: State) -> None:
    state.expect_listing("a", SEALED)
    waiting = Waiting(state, lists={"a": SEALED + 1e9})
    waiting.now += 3600
    waiting.search()
    assert waiting.asked == []
    assert state.expected_listings() == []
