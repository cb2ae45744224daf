"""Searching on a real PostgreSQL: as people type, in the order they expect, page by page."""

from __future__ import annotations

from datetime import date

import pytest

from services.catalog.domain.labels import Reader
from services.kernel.identifiers import DocumentId
from services.kernel.refusals.catalog import PeriodReversed, SearchTooLong, SearchWithoutWords
from services.kernel.secrecy import Level
from tests.integration.catalog.conftest import Catalog
from tests.support.shelving import FONDS, OTHER_FONDS, document, manifest, sample_manifests, stub

STRANGER = Reader(Level.NONE, archive=False, fonds=frozenset({OTHER_FONDS}))
NOBODY = Reader(Level.NONE, archive=False, fonds=frozenset())
ARCHIVIST = Reader(Level.NONE, archive=True, fonds=frozenset())
CLEARED = Reader(Level.TUYET_MAT, archive=True, fonds=frozenset())


TYPED = (
    "thu thap chinh ly",
    "THU THẬP, CHỈNH LÝ",
    "thu thập chỉnh lí",
    '"thu thập, chỉnh lý"',
    "chỉnh lý thu thập",
    "thu th* chinh",
    "17-TB/HU",
    "17/TB HU",
    "tb 17",
    "P012.001.001",
    "p012.2005-2010.01.01.001 17",
    "03/01/2008",
    "3-1-2008",
    "2008-01-03",
    "ngày 3 tháng 1 năm 2008",
    "chanh van phong thong bao 2008",
)


async def test_the_sample_delivery_is_found_as_people_type(catalog: Catalog) -> None:
    for data in sample_manifests():
        await catalog.shelve(data)
    for words in TYPED:
        page = await catalog.search(words)
        assert any(
            hit.document.subject == "Kết luận về thực hiện công tác thu thập, chỉnh lý tài liệu lưu trữ"
            and hit.document.issued_on == date(2008, 1, 3)
            for hit in page.hits
        ), (words, [hit.document.subject for hit in page.hits])


async def test_every_document_of_the_sample_is_there_once_by_date(catalog: Catalog) -> None:
    for data in sample_manifests():
        await catalog.shelve(data)
    page = await catalog.search("", limit=200)
    assert len(page.hits) == 16
    assert page.next is None
    days = [hit.document.issued_on for hit in page.hits]
    assert days == sorted(days, key=str, reverse=True)
    assert all(hit.document.component_count == 1 and not hit.highlights for hit in page.hits)


async def test_the_very_spelling_comes_first_and_the_others_follow(catalog: Catalog) -> None:
    subjects = ["Hòa giải tranh chấp", "Hoà giải ở cơ sở", "Hóa đơn", "Hoa màu", "Đàn gia súc", "Dân số"]
    await catalog.shelve(manifest([document(at, subject) for at, subject in enumerate(subjects, 1)]))
    for words, exact, others in (
        ("hòa", {"Hòa giải tranh chấp", "Hoà giải ở cơ sở"}, {"Hóa đơn", "Hoa màu"}),
        ("hoà giải", {"Hòa giải tranh chấp", "Hoà giải ở cơ sở"}, set()),
        ("hóa", {"Hóa đơn"}, {"Hòa giải tranh chấp", "Hoà giải ở cơ sở", "Hoa màu"}),
        ("hoa", set(), {"Hòa giải tranh chấp", "Hoà giải ở cơ sở", "Hóa đơn", "Hoa màu"}),
        ("dân", {"Dân số"}, {"Đàn gia súc"}),
        ("đàn", {"Đàn gia súc"}, {"Dân số"}),
        ("dan", set(), {"Dân số", "Đàn gia súc"}),
        ("hoa tim", set(), set()),
    ):
        found = await catalog.subjects(words)
        assert set(found[: len(exact)]) == exact, words
        assert set(found[len(exact) :]) == others, words


async def test_words_must_all_be_there_and_phrases_stand_together(catalog: Catalog) -> None:
    await catalog.shelve(
        manifest(
            [
                document(1, "Quyết định khen thưởng năm 1987", document_number="12", notation="QĐ-UBND"),
                document(2, "Khen các đơn vị, thưởng cán bộ", document_number="120", notation="QĐ-UBND"),
                document(3, "Định mức quyết toán", document_number="012", notation="012-QĐ/TU"),
            ]
        )
    )
    assert await catalog.subjects('"khen thưởng"') == ["Quyết định khen thưởng năm 1987"]
    assert len(await catalog.subjects("khen thuong")) == 2
    assert await catalog.subjects('"định quyết"') == []
    assert await catalog.subjects("12/QĐ-UBND") == ["Quyết định khen thưởng năm 1987"]
    assert set(await catalog.subjects("QD 12")) == {"Quyết định khen thưởng năm 1987", "Định mức quyết toán"}
    assert (await catalog.subjects("012"))[0] == "Định mức quyết toán"
    assert len(await catalog.subjects("12*")) == 3
    assert await catalog.subjects("năm 1987") == ["Quyết định khen thưởng năm 1987"]
    assert await catalog.subjects("thưởng chuột") == []


async def test_days_are_found_in_texts_and_in_dates(catalog: Catalog) -> None:
    await catalog.shelve(
        manifest(
            [
                document(1, "Họp ngày 15 tháng 6 năm 1987", issued_on="01/07/1987"),
                document(2, "Biên bản", issued_on="15/06/1987"),
                document(3, "Số 15 và 6", issued_on="02/02/1990"),
            ]
        )
    )
    for words in ("15/6/1987", "1987-06-15", "15.06.1987", "ngày 15 tháng 06 năm 1987"):
        assert set(await catalog.subjects(words)) == {"Họp ngày 15 tháng 6 năm 1987", "Biên bản"}, words
    for words in ("6/1987", "tháng 6/1987", "tháng 6 năm 1987"):
        assert set(await catalog.subjects(words)) == {"Họp ngày 15 tháng 6 năm 1987", "Biên bản"}, words
    assert await catalog.subjects("7/1987") == ["Họp ngày 15 tháng 6 năm 1987"]
    assert set(await catalog.subjects("1990")) == {"Số 15 và 6"}


async def test_the_period_is_inclusive_and_leaves_out_what_has_no_date(catalog: Catalog) -> None:
    await catalog.shelve(
        manifest(
            [
                document(at, f"văn bản {at}", issued_on=day)
                for at, day in ((1, "01/01/2000"), (2, "02/01/2000"), (3, None))
            ]
        )
    )
    assert await catalog.subjects("van ban", since=date(2000, 1, 2)) == ["văn bản 2"]
    assert await catalog.subjects("van ban", until=date(2000, 1, 1)) == ["văn bản 1"]
    assert len(await catalog.subjects("van ban", since=date(2000, 1, 1), until=date(2000, 1, 2))) == 2
    assert await catalog.subjects("") == ["văn bản 2", "văn bản 1", "văn bản 3"]
    with pytest.raises(PeriodReversed):
        await catalog.search("", since=date(2000, 1, 2), until=date(2000, 1, 1))


async def test_a_title_finds_its_documents_after_those_whose_subject_says_it(catalog: Catalog) -> None:
    await catalog.shelve(manifest([document(1, "Tờ trình"), document(2, "Chăn nuôi bò sữa")], title="Hồ sơ chăn nuôi"))
    assert await catalog.subjects("chăn nuôi") == ["Chăn nuôi bò sữa", "Tờ trình"]
    page = await catalog.search("chan nuoi")
    title = page.hits[1].document.title or ""
    assert [title[mark.start : mark.end] for mark in page.hits[1].highlights if mark.field == "title"] == ["chăn nuôi"]


async def test_matches_are_shown_where_the_text_as_sent_has_them(catalog: Catalog) -> None:
    subject = "V/v   thu tha\u0323\u0302p — CHỈNH LÝ, thu hồi (12/QĐ)"
    await catalog.shelve(manifest([document(1, subject)]))
    page = await catalog.search("thu thap chinh li 12/qd")
    (hit,) = page.hits
    assert hit.document.subject == subject
    marked = [subject[mark.start : mark.end] for mark in hit.highlights if mark.field == "subject"]
    assert marked == ["thu tha\u0323\u0302p", "CHỈNH LÝ", "thu", "12/QĐ"]


async def test_pages_by_key_give_everything_once_and_in_order(catalog: Catalog) -> None:
    for package in range(3):
        await catalog.shelve(
            manifest(
                [
                    document(at, f"{'tài liệu ' * (1 + at % 3)}{at}", issued_on=f"{at:02}/0{1 + package}/2001")
                    for at in range(1, 8)
                ]
            )
        )
    for words in ("", "tai lieu", "tài liệu"):
        whole = [hit.document.document for hit in (await catalog.search(words, limit=200)).hits]
        assert len(whole) == 21
        for limit in (1, 3, 7, 50):
            assert await _all_pages(catalog, words, limit) == whole, (words, limit)


async def _all_pages(catalog: Catalog, words: str, limit: int) -> list[DocumentId]:
    found: list[DocumentId] = []
    page = await catalog.search(words, limit=limit)
    while True:
        found += [hit.document.document for hit in page.hits]
        if page.next is None:
            return found
        assert len(page.hits) == limit
        page = await catalog.search(words, limit=limit, after=page.next)


async def test_a_fonds_narrows_by_code_or_id_and_never_widens(catalog: Catalog) -> None:
    await catalog.shelve(manifest([document(1, "chung")]))
    await catalog.shelve(manifest([document(1, "chung khác")], fonds="P099"), fonds=OTHER_FONDS)
    assert await catalog.subjects("chung", fonds="P012") == ["chung"]
    assert await catalog.subjects("chung", fonds=str(FONDS).upper()) == ["chung"]
    assert await catalog.subjects("chung", fonds="P099") == []
    assert await catalog.subjects("chung", fonds=str(OTHER_FONDS)) == []
    assert await catalog.subjects("chung", fonds="%") == []
    assert set(await catalog.subjects("chung", ARCHIVIST)) == {"chung", "chung khác"}
    assert await catalog.subjects("chung", ARCHIVIST, fonds="P099") == ["chung khác"]
    assert await catalog.subjects("chung", STRANGER) == ["chung khác"]
    assert await catalog.subjects("chung", NOBODY) == []
    assert await catalog.subjects("", NOBODY) == []


async def test_a_stub_is_found_by_place_and_ordinal_and_only_as_its_label_allows(catalog: Catalog) -> None:
    await catalog.shelve(
        manifest([document(1, "Công khai"), stub(7, "mat", "Kho Bảo mật, giá 3")], title="Hồ sơ chung"),
        levels={1: "mat"},
    )
    assert await catalog.subjects("kho bao mat") == []
    assert await catalog.subjects("kho bao mat", ARCHIVIST) == []
    (hit,) = (await catalog.search("kho bao mat gia 3", CLEARED)).hits
    assert (hit.document.ordinal, hit.document.subject, hit.document.level) == (7, None, Level.MAT)
    assert [found.document.ordinal for found in (await catalog.search("7", CLEARED)).hits] == [7]
    assert len((await catalog.search("", ARCHIVIST)).hits) == 1
    assert len((await catalog.search("", CLEARED)).hits) == 2


async def test_no_subject_above_none_is_kept_or_found(catalog: Catalog) -> None:
    secret = document(
        2, "Kế hoạch phòng thủ", secrecy={"level": "toi_mat", "issued_on": "2024-01-01"}, keyword="phòng thủ"
    )
    await catalog.shelve(manifest([document(1, "Thường"), secret]), levels={1: "toi_mat"})
    assert await catalog.subjects("phong thu", CLEARED) == []
    (hit,) = [hit for hit in (await catalog.search("", CLEARED)).hits if hit.document.level is Level.TOI_MAT]
    async with catalog.ledger.reading(CLEARED) as shelves:
        shown = await shelves.document(hit.document.document)
    assert shown is not None
    assert "phòng thủ" not in str(shown.metadata)
    assert shown.found.subject is None


async def test_a_dossier_above_its_documents_lends_them_no_words(catalog: Catalog) -> None:
    await catalog.shelve(
        manifest(
            [document(1, "Giấy mời")],
            title="Chuyên án X",
            code="P012.CA.1",
            secrecy={"level": "mat", "issued_on": "2025-01-01"},
        )
    )
    for reader in (ARCHIVIST, CLEARED):
        assert await catalog.subjects("chuyen an", reader) == []
        assert await catalog.subjects("P012.CA", reader) == []
    (hit,) = (await catalog.search("giay moi", ARCHIVIST)).hits
    assert (hit.document.title, hit.document.dossier_code) == (None, None)


async def test_searches_that_cannot_be_meant_are_refused(catalog: Catalog) -> None:
    with pytest.raises(SearchWithoutWords):
        await catalog.search("?!")
    with pytest.raises(SearchTooLong):
        await catalog.search("a " * 33)


HOSTILE = (
    "' | ''",
    "a:* & !b",
    "\\",
    "'; DROP TABLE catalog.document; --",
    "<->",
    "(((",
    "a' & 'b",
    "\x00a",
    "🙂 a",
    "%",
    "_",
)


async def test_nothing_typed_is_read_as_a_query_of_the_database(catalog: Catalog) -> None:
    await catalog.shelve(manifest([document(1, "b")]))
    for words in HOSTILE:
        try:
            assert await catalog.subjects(words) == [], words
        except SearchWithoutWords:
            assert not any(letter.isalnum() for letter in words)
    assert await catalog.subjects("b") == ["b"]
