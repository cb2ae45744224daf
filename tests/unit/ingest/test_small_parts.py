"""The small pure pieces of ingest."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.adapters.receipts import ImmutableTiles, LogReceipts, is_full_tile
from services.ingest.api import route_kind
from services.ingest.api.component_routes import disposition
from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.ranges import missing_ranges
from services.ingest.domain.states import ENDED, Event, State, diagram, transition
from services.ingest.usecases.kept_refusals import kept, restored
from services.kernel.identifiers import AgencyId
from services.kernel.refusals import Pointer, Text
from services.kernel.refusals.manifests import ManifestInvalid
from services.kernel.refusals.packages import AgencyBusy, InstanceBusy
from services.runtime.object_store.memory import MemoryStore
from services.runtime.signed_requests import RouteKind

A, B = AgencyId(UUID(int=1)), AgencyId(UUID(int=2))


@given(st.integers(0, 60), st.sets(st.integers(0, 59)))
def test_missing_ranges_name_exactly_what_is_not_there(count: int, numbers: set[int]) -> None:
    stored = {number for number in numbers if number < count}
    ranges = missing_ranges(count, stored)
    assert {number for first, last in ranges for number in range(first, last + 1)} == set(range(count)) - stored
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))


def test_an_ended_package_never_lives_again() -> None:
    for state in ENDED:
        assert [transition(state, event) for event in Event] == [None] * len(Event)
    reached = {State.DECLARED}
    for _ in State:
        reached |= {after for state in reached for event in Event if (after := transition(state, event))}
    assert reached == set(State)
    assert all(f"{state}" in diagram() for state in State)


def test_bytes_in_flight_are_counted_by_agency_and_in_all() -> None:
    flights = InFlight(agency_limit=100, instance_limit=150)
    with flights.take(A, 60):
        with pytest.raises(AgencyBusy) as busy, flights.take(A, 41):
            pass
        assert busy.value.retry_after
        with flights.take(A, 40), flights.take(B, 50), pytest.raises(InstanceBusy), flights.take(B, 1):
            pass
        assert flights.total == 60
    assert flights.total == 0
    with flights.take(A, 1000):  # alone, even what is larger than the limit passes
        assert flights.total == 1000
    with pytest.raises(ZeroDivisionError), flights.take(A, 5):
        raise ZeroDivisionError
    assert flights.total == 0


def test_a_kept_refusal_comes_back_as_it_was() -> None:
    refusal = ManifestInvalid(pointers=[Pointer("/documents/3", "x", Text("vi", "en"))], problems=1)
    back = restored(kept(refusal))
    assert (back.code, dict(back.facts), back.pointers) == (refusal.code, dict(refusal.facts), refusal.pointers)
    assert restored({"code": "of-another-release", "facts": {}, "errors": []}).code == "declaration-lost"


@pytest.mark.parametrize(
    ("name", "plain", "true"),
    [
        ("P012/001/a.pdf", "a.pdf", "a.pdf"),
        ("tờ trình.pdf", "t_ tr_nh.pdf", "t%E1%BB%9D%20tr%C3%ACnh.pdf"),
        ('x"; filename="evil.exe', "x__ filename__evil.exe", "x%22%3B%20filename%3D%22evil.exe"),
        ("a\r\nb", "a__b", "a%0D%0Ab"),
    ],
)
def test_a_file_name_cannot_break_out_of_its_header(name: str, plain: str, true: str) -> None:
    assert disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{true}"


def test_every_route_is_signed_but_the_log_and_the_pages() -> None:
    assert route_kind("GET", "/log/tile/0/000") is RouteKind.PUBLIC
    assert route_kind("GET", "/.well-known/nopluu") is RouteKind.PUBLIC
    assert route_kind("POST", "/.well-known/nopluu") is RouteKind.BUFFERED
    assert route_kind("PUT", "/v1/packages/x/parts/0") is RouteKind.DEFERRED
    assert route_kind("POST", "/v1/packages/x/parts/0") is RouteKind.BUFFERED
    assert route_kind("PUT", "/v1/packages/x/parts/0/y") is RouteKind.BUFFERED
    assert route_kind("POST", "/v1/packages") is RouteKind.STREAMED
    assert route_kind("GET", "/v1/packages/x") is RouteKind.BUFFERED
    assert route_kind("GET", "/log/checkpoint/x") is RouteKind.BUFFERED


async def test_full_tiles_are_read_once_and_partial_ones_each_time() -> None:
    store = MemoryStore()
    tiles = ImmutableTiles(store, capacity=2)
    for name in ("log/tile/0/000", "log/tile/0/001", "log/tile/0/002", "log/tile/0/003.p/5", "log/checkpoint"):
        await store.put(name, name.encode())
        assert await tiles.get(name) == name.encode()
        await store.put(name, b"another")
    assert await tiles.get("log/tile/0/002") == b"log/tile/0/002"
    assert await tiles.get("log/tile/0/000") == b"another"  # left to make room
    assert await tiles.get("log/tile/0/003.p/5") == b"another"
    assert await tiles.get("log/checkpoint") == b"another"
    assert not is_full_tile("parts/00/x")


async def test_one_look_wakes_all_who_wait() -> None:
    store = MemoryStore()
    await store.put("log/checkpoint", b"one")
    receipts = LogReceipts(None, store)  # type: ignore[arg-type]  # no entry is looked up
    assert await receipts.grown(2)  # whatever was there before counts as news once
    assert not await receipts.grown(0.25)
    waiting = [asyncio.create_task(receipts.grown(5)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await store.put("log/checkpoint", b"two")
    assert await asyncio.gather(*waiting) == [True, True, True]
    looking = receipts._looking
    assert looking is not None
    await asyncio.wait_for(looking, 2)  # nobody waits, nobody looks
