"""Promise: a broken part is told until it is whole again, whichever worker found it, and no slice is passed over."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from services.ingest.adapters.fixity import PartRead, Slice, check_fixity
from services.ingest.adapters.fixity_rows import FixityRows, read_due_slice
from services.runtime.database import transaction
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20
SLICES = 3
_TURNED = text(
    "UPDATE ingest.part SET ciphertext_digest ="
    " split_part(ciphertext_digest, ':', 1) || ':' || reverse(split_part(ciphertext_digest, ':', 2))"
)


@dataclass
class Nights:
    """The store as it is by night, and what is heard of each night."""

    gateway: Ingest
    ended: bool = False
    newly: list[str] = field(default_factory=list)

    async def get_range(self, name: str, start: int, length: int, **more: Any) -> AsyncIterator[bytes]:
        if self.ended:
            raise KeyboardInterrupt
        async for piece in self.gateway.store.get_range(name, start, length, **more):
            yield piece

    async def pass_one(self) -> list[str]:
        """A night; the parts that are broken after it."""

        def told(part: PartRead, newly_broken: bool) -> None:
            if newly_broken:
                self.newly.append(part.name)

        await read_due_slice(
            self.gateway.engine,
            self,  # type: ignore[arg-type]  # only ranges are asked for
            slices=SLICES,
            rate=0,
            now=self.gateway.parts.world.now,
            told=told,
        )
        return await FixityRows(self.gateway.engine).broken()

    async def turn_digests(self) -> None:
        """Every row's digest backwards; the same again sets them right."""
        async with transaction(self.gateway.engine) as connection:
            await connection.execute(_TURNED)


@pytest.fixture
async def nights(gateway: Ingest) -> Nights:
    """Twelve parts, of which each slice has some."""
    await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(12 * MIB)]))
    while 0 in [
        (await check_fixity(gateway.engine, gateway.store, which=Slice(n, SLICES))).parts for n in range(SLICES)
    ]:
        await gateway.deposit(gateway.enrol("submitter"), Dossier([os.urandom(4 * MIB)], code=os.urandom(4).hex()))
    return Nights(gateway)


async def test_every_slice_has_its_turn_and_what_broke_is_told_once_until_it_is_whole(nights: Nights) -> None:
    for _ in range(SLICES):
        assert await nights.pass_one() == []
    await nights.turn_digests()
    counts = [len(await nights.pass_one()) for _ in range(SLICES)]
    assert 0 < counts[0] < counts[1] < counts[2]
    assert len(nights.newly) == len(set(nights.newly)) == counts[2]
    await nights.turn_digests()
    assert await nights.pass_one() == []


async def test_a_night_that_ended_early_is_the_next_nights(nights: Nights) -> None:
    rows = FixityRows(nights.gateway.engine)
    await nights.pass_one()
    due = await rows.due(SLICES)
    nights.ended = True
    with pytest.raises(KeyboardInterrupt):
        await nights.pass_one()
    assert await rows.due(SLICES) == due
    nights.ended = False
    turns = []
    for _ in range(SLICES + 1):
        turns.append(await rows.due(SLICES))
        await nights.pass_one()
    assert turns[0] == turns[-1] == due
    assert set(turns) == {Slice(n, SLICES) for n in range(SLICES)}


async def test_what_no_longer_stands_is_not_broken(nights: Nights) -> None:
    await nights.turn_digests()
    assert await nights.pass_one()
    async with transaction(nights.gateway.engine) as connection:
        await connection.execute(text("DELETE FROM ingest.part"))
    assert await FixityRows(nights.gateway.engine).broken() == []
