"""From a message to rows: once, whole, and only what the seal covers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4, uuid5

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.catalog.domain.description import SealUnfit, document_id, dossier_id
from services.catalog.domain.labels import Reader
from services.catalog.usecases.grant_reading import grant_reading
from services.catalog.usecases.open_record import FIRST, OpenedPackage, open_document, open_dossier, open_package
from services.catalog.usecases.ports import ManifestAway
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.reindex_packages import reindex_packages
from services.kernel.identifiers import ClientId, ComponentId, PackageId
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown, MessageMalformed, PackageSuperseded
from services.kernel.refusals.manifests import ManifestInvalid
from services.kernel.refusals.packages import ComponentUnknown, PackageUnknown
from services.kernel.secrecy import Level
from tests.integration.catalog.conftest import OWNER, Catalog
from tests.support.shelving import OTHER_FONDS, document, manifest, sealed, stub

STRANGER = Reader(Level.NONE, archive=False, fonds=frozenset({OTHER_FONDS}))
CLEARED = Reader(Level.TUYET_MAT, archive=True, fonds=frozenset())
JOBS = "SELECT count(*) FROM catalog_queue.procrastinate_jobs"


async def test_a_message_is_taken_once_and_worked_on_once(catalog: Catalog) -> None:
    data = manifest([document(1, "một"), document(2, "hai")])
    catalog.manifests.put(data)
    message = sealed(data)
    for _ in range(3):
        assert await catalog.receive(message) == message.id
    assert await catalog.count(JOBS) == 1
    await asyncio.gather(*(catalog.register(message.id) for _ in range(4)))
    for _ in range(2):
        await catalog.register(message.id)
    assert await catalog.receive(message) == message.id
    assert await catalog.count(JOBS) == 1
    assert sorted(map(str, await catalog.subjects(""))) == ["hai", "một"]
    assert (
        await catalog.count("SELECT count(*) FROM catalog.received_message WHERE done_at IS NULL OR body IS NOT NULL")
        == 0
    )


async def test_two_messages_about_one_package_make_it_once(catalog: Catalog) -> None:
    data = manifest([document(1, "một")])
    first = await catalog.shelve(data)
    again = replace(first, id=uuid4())
    await catalog.register(await catalog.receive(again))
    assert await catalog.subjects("") == ["một"]


async def test_a_manifest_that_is_away_is_asked_for_again(catalog: Catalog) -> None:
    data = manifest([document(1, "một")])
    message = sealed(data)
    id_ = await catalog.receive(message)
    with pytest.raises(ManifestAway):
        await catalog.register(id_)
    assert await catalog.subjects("") == []
    catalog.manifests.put(data)
    await catalog.register(id_)
    assert await catalog.subjects("") == ["một"]


async def test_another_manifest_than_the_sealed_one_is_never_believed(catalog: Catalog) -> None:
    data = manifest([document(1, "một")])
    message = sealed(data)
    catalog.manifests.held[message.manifest_sha256] = manifest([document(1, "khác")])
    with pytest.raises(SealUnfit):
        await catalog.register(await catalog.receive(message))
    catalog.manifests.held[message.manifest_sha256] = b"{}"
    with pytest.raises((SealUnfit, ManifestInvalid)):
        await catalog.register(message.id)
    assert await catalog.subjects("") == []


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_seal_of_another_number_of_components_is_not_fitted_to_the_manifest(
    catalog: Catalog, count: int
) -> None:
    data = manifest([document(1, "một"), document(2, "hai")])
    catalog.manifests.put(data)
    message = sealed(data, components=[uuid4() for _ in range(count)])
    with pytest.raises(SealUnfit):
        await catalog.register(await catalog.receive(message))


async def test_a_seal_event_of_another_package_is_refused(catalog: Catalog) -> None:
    data = manifest([document(1, "một")])
    catalog.manifests.put(data)
    message = replace(sealed(data), event=sealed(data).event)
    with pytest.raises(SealUnfit):
        await catalog.register(await catalog.receive(message))


async def test_what_is_no_message_is_refused_and_leaves_nothing(catalog: Catalog) -> None:
    good = sealed(manifest([document(1, "một")])).to_bytes()
    for body in (b"", b"{}", b"[]", good[:-1], good.replace(b"package_sealed", b"package_opened"), b"\xff" + good):
        with pytest.raises(MessageMalformed):
            await receive_message(body, ledger=catalog.ledger, world=catalog.world)
    assert await catalog.count("SELECT count(*) FROM catalog.received_message") == 0


async def test_components_of_documents_that_the_deposit_does_not_hold_are_left_out(catalog: Catalog) -> None:
    data = manifest(
        [
            document(1, "một", files=["a.pdf", "b.pdf"]),
            document(2, "hai", files=["c.pdf"]),
            document(3, "ba", files=["d.pdf"]),
        ]
    )
    message = await catalog.shelve(data, not_planned=["/documents/1"])
    opened = await open_package(message.package, reader=OWNER, ledger=catalog.ledger)
    shown = [(entry.found.ordinal, [component.name for component in entry.components]) for entry in opened.documents]
    assert shown == [(1, ["a.pdf", "b.pdf"]), (2, []), (3, ["d.pdf"])]
    expected = [uuid5(message.package, place) for place in ("0/0", "0/1", "2/0")]
    assert [component.id for entry in opened.documents for component in entry.components] == expected
    assert [entry.found.component_count for entry in opened.documents] == [2, 0, 1]


async def test_everything_the_manifest_says_is_kept(catalog: Catalog) -> None:
    data = manifest(
        [
            document(
                3,
                "Về việc chỉnh lý",
                document_number="12",
                notation="12-QĐ/HU",
                signer="Nguyễn Văn A",
                other={"Cột lạ": "giá trị lạ", "danh sách": ["một", 2]},
            )
        ]
    )
    message = await catalog.shelve(data)
    shown = await open_document(document_id(message.package, 0), reader=OWNER, ledger=catalog.ledger)
    assert shown.metadata["other"] == {"Cột lạ": "giá trị lạ", "danh sách": ["một", 2]}
    found = shown.found
    assert (found.number, found.notation, found.type_name, shown.signer) == (
        "12",
        "12-QĐ/HU",
        "Báo cáo",
        "Nguyễn Văn A",
    )
    assert (found.title, found.dossier_code, found.fonds_code) == ("Hồ sơ mẫu", "P012.2020-2025.01.01.001", "P012")
    assert await catalog.subjects("gia tri la") == ["Về việc chỉnh lý"]


async def test_a_new_version_takes_the_earlier_ones_place_and_history_is_kept(catalog: Catalog) -> None:
    first = await catalog.shelve(manifest([document(1, "bản cũ"), document(2, "chung")]))
    dossier = dossier_id(first.chain)
    second = await catalog.shelve(
        manifest([document(1, "bản mới"), document(2, "chung")]), chain=first.package, version=2
    )
    assert sorted(map(str, await catalog.subjects(""))) == ["bản mới", "chung"]
    assert await catalog.subjects("ban cu") == []
    head, opened = await open_dossier(dossier, reader=OWNER, ledger=catalog.ledger)
    assert (head.id, opened.package.id, opened.package.version) == (dossier, second.package, 2)
    with pytest.raises(PackageSuperseded) as refusal:
        await open_package(first.package, reader=OWNER, ledger=catalog.ledger)
    assert refusal.value.facts == {"newest": str(second.package)}
    with pytest.raises(DocumentUnknown):
        await open_document(document_id(first.package, 0), reader=OWNER, ledger=catalog.ledger)
    with pytest.raises(PackageUnknown):
        await open_package(first.package, reader=STRANGER, ledger=catalog.ledger)
    async with catalog.ledger.keeping() as desk:
        assert len(await desk.packages(after=None, limit=10)) == 2
        assert (await desk.deposit(first.package)) is not None


async def test_versions_that_arrive_in_the_wrong_order_end_the_same(catalog: Catalog) -> None:
    chain = uuid4()
    await catalog.shelve(manifest([document(1, "ba")]), chain=chain, version=3)
    await catalog.shelve(manifest([document(1, "một")]), package=chain, chain=chain, version=1)
    await catalog.shelve(manifest([document(1, "hai")]), chain=chain, version=2)
    assert await catalog.subjects("") == ["ba"]


async def test_a_component_that_a_new_version_hides_is_not_granted_through_the_old_one(catalog: Catalog) -> None:
    first = await catalog.shelve(manifest([document(1, "một", files=["a.pdf"])]))
    component = uuid5(first.package, "0/0")

    async def grant(reader: Reader) -> str:
        return await grant_reading(
            ComponentId(component),
            ClientId(uuid4()),
            None,
            reader=reader,
            key=Ed25519PrivateKey.generate(),
            ledger=catalog.ledger,
            world=catalog.world,
        )

    assert await grant(OWNER)
    relabelled = document(1, "một", files=["a.pdf"], secrecy={"level": "mat", "issued_on": "2026-01-01"})
    await catalog.shelve(
        manifest([relabelled]), chain=first.package, version=2, levels={0: "mat"}, components=[component]
    )
    with pytest.raises(ComponentUnknown):
        await grant(OWNER)
    assert await grant(CLEARED)


async def test_a_stub_is_never_below_the_level_that_it_states(catalog: Catalog) -> None:
    message = await catalog.shelve(manifest([document(1, "một"), stub(2, "mat")]))
    opened = await open_package(message.package, reader=OWNER, ledger=catalog.ledger)
    assert [entry.found.ordinal for entry in opened.documents] == [1]
    opened = await open_package(message.package, reader=CLEARED, ledger=catalog.ledger)
    assert [entry.found.level for entry in opened.documents] == [Level.NONE, Level.MAT]


async def test_a_dossier_above_the_reader_hides_its_description_not_its_open_documents(catalog: Catalog) -> None:
    data = manifest([document(1, "một")], title="Kín", secrecy={"level": "mat", "issued_on": "2026-01-01"})
    message = await catalog.shelve(data)
    opened = await open_package(message.package, reader=OWNER, ledger=catalog.ledger)
    assert opened.dossier is None
    assert [entry.found.title for entry in opened.documents] == [None]
    with pytest.raises(DossierUnknown):
        await open_dossier(dossier_id(message.chain), reader=OWNER, ledger=catalog.ledger)
    head, _ = await open_dossier(dossier_id(message.chain), reader=CLEARED, ledger=catalog.ledger)
    assert head.level is Level.MAT


async def test_a_dossier_whose_protection_has_ended_is_described_like_any_other(catalog: Catalog) -> None:
    message = await catalog.shelve(
        manifest([document(1, "một")], title="Đã giải mật", secrecy={"level": "mat", "issued_on": "2010-01-01"})
    )
    head, _ = await open_dossier(dossier_id(message.chain), reader=OWNER, ledger=catalog.ledger)
    assert head.title == "Đã giải mật"


async def test_reindexing_gives_the_same_rows_under_the_same_ids(catalog: Catalog) -> None:
    first = await catalog.shelve(
        manifest([document(1, "một", files=["a.pdf", "b.pdf"]), stub(2, "mat")]), levels={1: "mat"}
    )
    second = await catalog.shelve(manifest([document(1, "hai")]), chain=first.package, version=2)
    other = await catalog.shelve(manifest([document(1, "khác")], fonds="P099"), fonds=OTHER_FONDS)

    async def everything() -> list[object]:
        async with catalog.ledger.keeping() as desk:
            deposit = await desk.deposit(first.package)
        return [
            deposit,
            await catalog.search("", CLEARED, limit=200),
            *[
                await open_package(package, reader=CLEARED, ledger=catalog.ledger)
                for package in (second.package, other.package)
            ],
        ]

    before = await everything()
    done: list[PackageId] = []
    assert (
        await reindex_packages(
            ledger=catalog.ledger, manifests=catalog.manifests, world=catalog.world, done=done.append
        )
        == 3
    )
    assert done == sorted([first.package, second.package, other.package])
    assert await everything() == before


async def test_open_messages_can_be_worked_on_again(catalog: Catalog) -> None:
    await catalog.receive(sealed(manifest([document(1, "một")])))
    async with catalog.ledger.keeping() as desk:
        assert await desk.wake_open_messages() == 1
    assert await catalog.count(JOBS) == 2


async def test_ten_thousand_components_are_shelved_in_bulk_and_listed_page_by_page(catalog: Catalog) -> None:
    documents = [
        document(at, f"tài liệu số {at}", files=[f"{at:05}-{inner}.pdf" for inner in range(10)])
        for at in range(1, 1001)
    ]
    message = await catalog.shelve(manifest(documents))
    pages: list[OpenedPackage] = []
    after: int | None = FIRST
    while after is not None:
        pages.append(await open_package(message.package, after=after, limit=300, reader=OWNER, ledger=catalog.ledger))
        after = pages[-1].next
    assert [len(page.documents) for page in pages] == [300, 300, 300, 100]
    listed = [entry for page in pages for entry in page.documents]
    assert [entry.found.ordinal for entry in listed] == list(range(1, 1001))
    assert [component.name for component in listed[776].components] == [f"00777-{inner}.pdf" for inner in range(10)]
    assert await catalog.subjects("tai lieu so 777") == ["tài liệu số 777"]
