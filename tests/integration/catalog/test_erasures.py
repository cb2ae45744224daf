"""Promise: whatever order messages come in, catalog offers no bytes that were erased and shows nothing that was expelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4, uuid5

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from services.catalog.domain.description import document_id, dossier_id
from services.catalog.domain.labels import Reader
from services.catalog.usecases.grant_reading import grant_reading
from services.catalog.usecases.open_record import open_document, open_dossier, open_package
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import reindex_package
from services.kernel.erasure_message import ComponentsErased
from services.kernel.hold_messages import HeldItem, HoldChanged
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.messages import PackageSealed
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown
from services.kernel.refusals.packages import ComponentUnknown, PackageUnknown
from services.kernel.secrecy import Level
from tests.integration.catalog.conftest import OWNER, Catalog
from tests.support.shelving import FONDS, document, manifest, sealed, stub

CLEARED = Reader(Level.MAT, archive=False, fonds=frozenset({FONDS}))
DAY = datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)


def component(seal: PackageSealed, at: int, inner: int = 0) -> ComponentId:
    return ComponentId(uuid5(seal.package, f"{at}/{inner}"))


def erasure(
    seal: PackageSealed, *components: ComponentId, expelled: bool = False, at: datetime = DAY
) -> ComponentsErased:
    return ComponentsErased(uuid4(), at, seal.chain, expelled, components)


async def tell(catalog: Catalog, message: ComponentsErased | HoldChanged) -> None:
    await receive_message(message.to_bytes(), ledger=catalog.ledger, world=catalog.world)


async def grant(catalog: Catalog, wanted: ComponentId) -> None:
    key = Ed25519PrivateKey.generate()
    await grant_reading(
        wanted, ClientId(uuid4()), None, reader=OWNER, key=key, ledger=catalog.ledger, world=catalog.world
    )


async def reindex(catalog: Catalog, seal: PackageSealed) -> None:
    async with catalog.ledger.keeping() as desk:
        deposit = await desk.deposit(seal.package)
    assert deposit is not None
    await reindex_package(deposit, ledger=catalog.ledger, manifests=catalog.manifests, world=catalog.world)


async def test_a_disposed_component_stays_described_with_its_day_and_is_not_offered(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một", files=["a.pdf", "b.pdf"]), document(2, "hai")]))
    await tell(catalog, erasure(seal, component(seal, 0, 1)))
    shown = await open_document(document_id(seal.package, 0), reader=OWNER, ledger=catalog.ledger)
    assert [(entry.name, entry.erased_at) for entry in shown.components] == [("a.pdf", None), ("b.pdf", DAY)]
    assert await catalog.subjects("một") == ["một"]
    found = await catalog.search("một")
    assert [hit.document.component_count for hit in found.hits] == [1]
    await grant(catalog, component(seal, 0, 0))
    with pytest.raises(ComponentUnknown):
        await grant(catalog, component(seal, 0, 1))


async def test_an_expelled_document_is_not_found_not_opened_not_granted(catalog: Catalog) -> None:
    data = manifest([document(1, "một"), document(2, "hai", files=["a.pdf", "b.pdf"]), document(3, "ba")])
    seal = await catalog.shelve(data)
    await tell(catalog, erasure(seal, component(seal, 1, 0), expelled=True))
    assert sorted(map(str, await catalog.subjects(""))) == ["ba", "một"]
    assert await catalog.subjects("hai") == []
    with pytest.raises(DocumentUnknown):
        await open_document(document_id(seal.package, 1), reader=OWNER, ledger=catalog.ledger)
    for inner in (0, 1):  # its neighbour in the document is hidden with it
        with pytest.raises(ComponentUnknown):
            await grant(catalog, component(seal, 1, inner))
    opened = await open_package(seal.package, reader=OWNER, ledger=catalog.ledger)
    assert [shown.position for shown in opened.documents] == [0, 2]


async def test_a_package_all_of_which_was_expelled_is_nowhere(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một"), document(2, "hai")]))
    await tell(catalog, erasure(seal, component(seal, 0), expelled=True))
    assert await catalog.subjects("") == ["hai"]
    await tell(catalog, erasure(seal, component(seal, 1), expelled=True))
    assert await catalog.subjects("") == []
    with pytest.raises(PackageUnknown):
        await open_package(seal.package, reader=OWNER, ledger=catalog.ledger)
    with pytest.raises(DossierUnknown):
        await open_dossier(dossier_id(seal.chain), reader=OWNER, ledger=catalog.ledger)


async def test_a_stub_outlives_the_expulsion_of_everything_beside_it(catalog: Catalog) -> None:
    """Its original lies on paper, and somebody must be able to find where."""
    seal = await catalog.shelve(manifest([document(1, "một"), stub(2, "mat")]), levels={1: "mat"})
    await tell(catalog, erasure(seal, component(seal, 0), expelled=True))
    opened = await open_package(seal.package, reader=CLEARED, ledger=catalog.ledger)
    assert [shown.position for shown in opened.documents] == [1]
    await reindex(catalog, seal)
    again = await open_package(seal.package, reader=CLEARED, ledger=catalog.ledger)
    assert [shown.position for shown in again.documents] == [1]


async def test_a_lifted_hold_shows_nothing_that_was_expelled(catalog: Catalog) -> None:
    seal = await catalog.shelve(manifest([document(1, "một"), document(2, "hai")]))
    hold, items = uuid4(), (HeldItem(seal.chain, seal.package, None),)
    await tell(catalog, HoldChanged(hold, DAY, hold, lifted=False, items=items))
    await tell(catalog, erasure(seal, component(seal, 0), expelled=True))
    assert await catalog.subjects("") == []
    await tell(catalog, HoldChanged(uuid4(), DAY, hold, lifted=True, items=items))
    assert await catalog.subjects("") == ["hai"]


async def test_every_version_that_refers_to_what_was_expelled_hides_it(catalog: Catalog) -> None:
    first = await catalog.shelve(manifest([document(1, "một"), document(2, "hai")]))
    await tell(catalog, erasure(first, component(first, 1), expelled=True))
    newer = [component(first, 0), component(first, 1)]
    data = manifest([document(1, "một"), document(2, "hai nữa")])
    await catalog.shelve(data, chain=first.package, version=2, components=newer)
    assert await catalog.subjects("") == ["một"]


async def test_every_order_of_sealing_and_erasing_ends_in_the_same_rows(catalog: Catalog) -> None:
    """Disposal, a repeat of it, and a later expulsion of the same component, wherever they fall between ours."""
    steps = ("register", "disposal", "disposal", "expulsion", "reindex")
    ends = set()
    for order in sorted(set(permutations(steps))):
        if order.index("reindex") > order.index("register"):
            ends.add(await _play(catalog, order))
    assert ends == {(("một", None, False), ("hai", DAY, True))}


async def _play(catalog: Catalog, order: Sequence[str]) -> tuple[tuple[str, datetime | None, bool], ...]:
    """Subjects, the day of erasure and whether hidden, of both documents, once all was told."""
    word = f"w{uuid4().hex}"
    data = manifest([document(1, f"{word} một"), document(2, f"{word} hai")])
    catalog.manifests.put(data)
    seal = sealed(data)
    gone = component(seal, 1)
    told = {
        "disposal": erasure(seal, gone),
        "expulsion": erasure(seal, gone, expelled=True, at=DAY + timedelta(days=1)),
    }
    done = set[str]()
    for step in order:
        if step == "register":
            await catalog.register(await catalog.receive(seal))
        elif step == "reindex":
            await reindex(catalog, seal)
        else:
            await tell(catalog, told[step])
        done.add(step)
        expected = {f"{word} một", f"{word} hai"} if "register" in done else set()
        if "expulsion" in done:
            expected.discard(f"{word} hai")
        assert set(await catalog.subjects(word)) == expected, order
    rows = text(
        "SELECT d.subject, c.erased_at, d.held FROM catalog.component c JOIN catalog.document d ON d.id = c.document"
        " WHERE c.package = :package ORDER BY c.position"
    )
    async with catalog.ledger.keeping() as desk:
        found = (await desk._connection.execute(rows, {"package": seal.package})).all()
    return tuple((subject.removeprefix(f"{word} "), erased_at, held) for subject, erased_at, held in found)
