"""Promise: a label that rises hides its row before the message is acknowledged; order and repetition change nothing."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from services.catalog.domain.labels import Reader
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import reindex_package, relabel_package
from services.kernel.classification.message import DOSSIER, ClassificationChanged
from services.kernel.hold_messages import HeldItem, HoldChanged
from services.kernel.messages import PackageSealed
from services.kernel.secrecy import Level
from tests.integration.catalog.conftest import OWNER, Catalog
from tests.support.shelving import FONDS, SEALED_AT, document, manifest, sealed, stub

CLEARED = Reader(Level.MAT, archive=False, fonds=frozenset({FONDS}))


def changed(package: PackageSealed, revision: int, labels: dict[int, Level]) -> ClassificationChanged:
    return ClassificationChanged(uuid4(), SEALED_AT, package.package, package.chain, revision, labels)


async def receive(catalog: Catalog, message: ClassificationChanged) -> UUID:
    return await receive_message(message.to_bytes(), ledger=catalog.ledger, world=catalog.world)


async def relabel(catalog: Catalog, message: UUID) -> None:
    await relabel_package(message, ledger=catalog.ledger, manifests=catalog.manifests, world=catalog.world)


async def test_what_rises_is_hidden_before_the_message_is_acknowledged(catalog: Catalog) -> None:
    package = await catalog.shelve(manifest([document(1, "Báo cáo mùa màng"), document(2, "Báo cáo thủy lợi")]))
    assert len(await catalog.subjects("báo cáo")) == 2
    message = await receive(catalog, changed(package, 1, {0: Level.MAT}))
    assert await catalog.subjects("báo cáo") == ["Báo cáo thủy lợi"]  # nothing was worked on yet
    await relabel(catalog, message)
    assert await catalog.subjects("mùa màng", CLEARED) == []  # above none nothing is found by its subject
    assert await catalog.count("SELECT count(*) FROM catalog.received_message WHERE done_at IS NULL") == 0
    async with catalog.ledger.keeping() as desk:
        kept = await desk.deposit(package.package)
    assert kept is not None
    await reindex_package(kept, ledger=catalog.ledger, manifests=catalog.manifests, world=catalog.world)
    assert await catalog.subjects("báo cáo") == ["Báo cáo thủy lợi"]


async def test_what_is_declassified_is_found_once_it_is_described(catalog: Catalog) -> None:
    secret = document(1, "Phương án phòng thủ", secrecy={"level": "mat", "classified_on": "2020-01-01"})
    package = await catalog.shelve(manifest([secret, stub(2, "mat")]), levels={0: "mat", 1: "mat"})
    assert await catalog.subjects("phòng thủ") == []
    message = await receive(catalog, changed(package, 1, {0: Level.NONE, 1: Level.NONE}))
    assert await catalog.subjects("phòng thủ") == []  # lowered only with its description
    await relabel(catalog, message)
    assert await catalog.subjects("phòng thủ") == ["Phương án phòng thủ"]
    assert len(await catalog.subjects("hộp 12")) == 1


async def test_only_the_greatest_revision_counts(catalog: Catalog) -> None:
    package = await catalog.shelve(manifest([document(1, "Báo cáo mùa màng")]))
    newer = await receive(catalog, changed(package, 2, {0: Level.MAT}))
    older = await receive(catalog, changed(package, 1, {0: Level.NONE}))
    for message in (newer, older, newer):
        await relabel(catalog, message)
    assert await catalog.subjects("báo cáo") == []


async def test_a_step_that_is_told_before_the_package_counts_when_it_is_shelved(catalog: Catalog) -> None:
    data = manifest([document(1, "Báo cáo mùa màng")])
    catalog.manifests.put(data)
    package = sealed(data)
    await relabel(catalog, await receive(catalog, changed(package, 1, {0: Level.MAT})))
    await catalog.register(await catalog.receive(package))
    assert await catalog.subjects("báo cáo") == []


async def test_a_message_that_comes_twice_has_one_effect(catalog: Catalog) -> None:
    package = await catalog.shelve(manifest([document(1, "Báo cáo mùa màng")]))
    message = changed(package, 1, {0: Level.MAT})
    assert await receive(catalog, message) == await receive(catalog, message) == message.id
    again = replace(message, id=uuid4())
    await relabel(catalog, await receive(catalog, again))
    assert await catalog.count("SELECT count(*) FROM catalog.received_message") == 3  # with the package's own


async def test_a_dossier_above_its_documents_lends_them_no_words(catalog: Catalog) -> None:
    package = await catalog.shelve(manifest([document(1, "Báo cáo mùa màng")], title="Hồ sơ đê điều"))
    assert len(await catalog.subjects("đê điều")) == 1
    await relabel(catalog, await receive(catalog, changed(package, 1, {DOSSIER: Level.MAT})))
    assert await catalog.subjects("đê điều") == []
    assert await catalog.subjects("mùa màng") == ["Báo cáo mùa màng"]


async def test_a_hold_outlives_a_new_label(catalog: Catalog) -> None:
    package = await catalog.shelve(
        manifest(
            [document(1, "Báo cáo mùa màng")],
        ),
        levels={0: "mat"},
    )
    async with catalog.ledger.keeping() as desk:
        held = HeldItem(package.chain, package.package, 0)
        await desk.take_hold(HoldChanged(uuid4(), SEALED_AT, uuid4(), False, (held,)))
        await desk.settle_holds(package.package)
    await relabel(catalog, await receive(catalog, changed(package, 1, {0: Level.NONE})))
    assert await catalog.subjects("báo cáo", OWNER) == []


async def test_a_new_version_is_shelved_under_the_labels_it_was_sealed_with(catalog: Catalog) -> None:
    data = manifest([document(1, "Báo cáo mùa màng"), document(2, "Báo cáo thủy lợi")], title="Hồ sơ đê điều")
    await catalog.shelve(data, levels={DOSSIER: "mat", 1: "mat"})
    assert await catalog.subjects("báo cáo") == ["Báo cáo mùa màng"]
    assert await catalog.subjects("đê điều") == []
