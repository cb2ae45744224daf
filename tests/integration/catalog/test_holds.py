"""Promise: whatever order messages come in, catalog shows nothing of what an officer holds, and all of it again after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from uuid import UUID, uuid4, uuid5

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.catalog.domain.description import document_id, dossier_id
from services.catalog.usecases.grant_reading import grant_reading
from services.catalog.usecases.open_record import open_document, open_dossier, open_package
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import reindex_package
from services.kernel.hold_messages import HeldItem, HoldChanged
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import PackageSealed
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown
from services.kernel.refusals.packages import ComponentUnknown, PackageUnknown
from tests.integration.catalog.conftest import OWNER, Catalog
from tests.support.shelving import document, manifest, sealed


@dataclass(frozen=True, slots=True)
class Held:
    """A hold on documents of a sealed package, or with None on all of it, as ingest tells of it."""

    seal: PackageSealed
    documents: Sequence[int | None]
    hold: UUID

    def message(self, *, lifted: bool = False) -> bytes:
        items = tuple(HeldItem(self.seal.chain, self.seal.package, document) for document in self.documents)
        id_ = uuid4() if lifted else self.hold
        return HoldChanged(id_, datetime.now(UTC), self.hold, lifted, items).to_bytes()


def hold(seal: PackageSealed, *documents: int | None) -> Held:
    return Held(seal, documents, uuid4())


async def tell(catalog: Catalog, held: Held, *, lifted: bool = False) -> None:
    await receive_message(held.message(lifted=lifted), ledger=catalog.ledger, world=catalog.world)


async def test_a_held_document_is_not_found_not_opened_not_granted_and_comes_back_whole(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một"), document(2, "hai"), document(3, "ba")]))
    held = hold(seal, 1)
    for _ in range(2):
        await tell(catalog, held)
    assert sorted(map(str, await catalog.subjects(""))) == ["ba", "một"]
    assert await catalog.subjects("hai") == []
    assert [len((await catalog.search("", limit=size)).hits) for size in (1, 2, 3)] == [1, 2, 2]
    assert (await catalog.search("", limit=2)).next is None  # no page hints at what is not there
    with pytest.raises(DocumentUnknown):
        await open_document(document_id(seal.package, 1), reader=OWNER, ledger=catalog.ledger)
    opened = await open_package(seal.package, reader=OWNER, ledger=catalog.ledger)
    assert [shown.position for shown in opened.documents] == [0, 2]
    component = ComponentId(uuid5(seal.package, "1/0"))
    with pytest.raises(ComponentUnknown):
        await grant_reading(
            component,
            ClientId(uuid4()),
            None,
            reader=OWNER,
            key=Ed25519PrivateKey.generate(),
            ledger=catalog.ledger,
            world=catalog.world,
        )
    await tell(catalog, held, lifted=True)
    assert await catalog.subjects("hai") == ["hai"]
    shown = await open_document(document_id(seal.package, 1), reader=OWNER, ledger=catalog.ledger)
    assert [entry.id for entry in shown.components] == [component]


async def test_a_held_package_is_nowhere(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một")]))
    await tell(catalog, hold(seal, None))
    assert await catalog.subjects("") == []
    with pytest.raises(PackageUnknown):
        await open_package(seal.package, reader=OWNER, ledger=catalog.ledger)
    with pytest.raises(DossierUnknown):
        await open_dossier(dossier_id(seal.chain), reader=OWNER, ledger=catalog.ledger)


async def test_two_holds_are_lifted_one_by_one(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một"), document(2, "hai")]))
    one, other = hold(seal, 0), hold(seal, None)
    await tell(catalog, one)
    await tell(catalog, other)
    await tell(catalog, other, lifted=True)
    assert await catalog.subjects("") == ["hai"]
    await tell(catalog, one, lifted=True)
    assert sorted(map(str, await catalog.subjects(""))) == ["hai", "một"]


async def test_every_order_of_sealing_holding_and_lifting_hides_what_is_held(catalog: Catalog) -> None:
    """All interleavings of what each side does: register and index anew; place, repeat; lift early, late, or never."""
    for lifts in (True, False):
        holding = ["place", "place", *(["lift"] if lifts else [])]
        shelving = ["receive", "register", "reindex"]
        places = range(len(holding) + len(shelving))
        for chosen in combinations(places, len(holding)):
            for turned in (False, True) if lifts else (False,):
                for target in (1, None):
                    await _play(catalog, target, chosen, list(reversed(holding)) if turned else holding, shelving)


async def _play(
    catalog: Catalog, target: int | None, chosen: Sequence[int], holding: Sequence[str], shelving: Sequence[str]
) -> None:
    word = f"w{uuid4().hex}"
    data = manifest([document(1, f"{word} một"), document(2, f"{word} hai")])
    catalog.manifests.put(data)
    seal = sealed(data)
    held = hold(seal, target)
    ours, theirs = iter(holding), iter(shelving)
    registered = placed = lifted = False
    for turn in range(len(holding) + len(shelving)):
        step = next(ours) if turn in chosen else next(theirs)
        match step:
            case "place":
                await tell(catalog, held)
                placed = True
            case "lift":
                await tell(catalog, held, lifted=True)
                lifted = True
            case "receive":
                await catalog.receive(seal)
            case "register":
                await catalog.register(seal.id)
                registered = True
            case _:
                async with catalog.ledger.keeping() as desk:
                    deposit = await desk.deposit(seal.package)
                assert deposit is not None
                await reindex_package(deposit, ledger=catalog.ledger, manifests=catalog.manifests, world=catalog.world)
        hidden = {0, 1} if target is None else {target}
        shown = set() if not registered else {0, 1} - (hidden if placed and not lifted else set())
        expected = [f"{word} {('một', 'hai')[position]}" for position in shown]
        assert sorted(map(str, await catalog.subjects(word))) == sorted(expected), (holding, chosen, turn)
