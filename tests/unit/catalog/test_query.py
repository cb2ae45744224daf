"""What people type, as terms; and where the terms stand in a text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.adapters.tsearch import exact_query, folded_query, tsvector
from services.catalog.domain.query import MOST_WORDS, Query, highlights, parse
from services.catalog.domain.words import LAST_PLACE, Entry, Passage, index
from services.kernel.refusals.catalog import SearchTooLong, SearchWithoutWords

TYPED = st.text("aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạ 0123456789\"“*/.-,'()&|!:<>", max_size=40)
WORDS = st.lists(st.text("aàáạăắâấbcdđeêếghiklmnoòôồơờpqrstuưứvxyýỳ", min_size=1, max_size=7), min_size=1, max_size=8)


def parsed(text: str) -> Query:
    query = parse(text)
    assert query is not None
    return query


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("thu thap", "'thu' & 'thap'"),
        ("“thu thập” ly", "('thu' <-> 'thap') & 'li'"),
        ('"chưa đóng', "('chua' <-> 'dong')"),
        ("12/QĐ-UBND", "('12' <-> 'qd' <-> 'ubnd')"),
        ("P012.001", "('p012' <-> '1')"),
        ("chin*", "'chin':*"),
        ("P012.0*", "('p012' <-> '0':*)"),
        ("15/6/1987", "('1987-06-15' | ('15' <-> '6' <-> '1987'))"),
        ("ngày 1987-06-15", "('1987-06-15' | ('1987' <-> '6' <-> '15'))"),
        ("tháng 6/1987", "('1987-06' | ('6' <-> '1987'))"),
        ("họp ngày 15 tháng 6 năm 1987", "('1987-06-15' | ('15' <-> 'thang' <-> '6' <-> 'nam' <-> '1987')) & 'hop'"),
        ("năm 1987", "'1987'"),
        ("năm mới", "'nam' & 'moi'"),
        ("12/1987/QĐ", "('12' <-> '1987' <-> 'qd')"),
        ("*", None),
    ],
)
def test_typed_text_becomes_this_query(typed: str, asked: str | None) -> None:
    if asked is None:
        with pytest.raises(SearchWithoutWords):
            parse(typed)
    else:
        assert folded_query(parsed(typed)) == asked


@pytest.mark.parametrize(
    ("typed", "exact"),
    [
        ("thu thap chinh ly", None),
        ("thu thập ly", "'thu' & 'thâp\u0323' & 'li'"),
        ("quý", "'quy\u0301'"),
        ("05", "'05'"),
        ("5", None),
        ("thậ*", None),
    ],
)
def test_only_what_distinguishes_is_asked_for_exactly(typed: str, exact: str | None) -> None:
    assert exact_query(parsed(typed)) == exact


def test_blanks_are_no_query_and_too_many_words_are_refused() -> None:
    assert parse(" \t") is None
    assert parse("a " * MOST_WORDS) is not None
    with pytest.raises(SearchTooLong):
        parse("a " * (MOST_WORDS + 1))
    with pytest.raises(SearchTooLong):
        parse('"' + "a " * (MOST_WORDS + 1) + '"')


@given(TYPED)
def test_whatever_is_typed_is_words_and_our_own_operators(typed: str) -> None:
    try:
        query = parse(typed)
    except (SearchTooLong, SearchWithoutWords):
        return
    if query is None:
        return
    for term in query.terms:
        assert term.words
        for word in term.words:
            for key in (word.folded, word.exact):
                assert all(letter.isalnum() or unicodedata.combining(letter) for letter in key)


@given(WORDS)
def test_a_text_is_shown_whole_by_a_search_for_its_words(spoken: list[str]) -> None:
    text = " ".join(spoken)
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", text).replace("đ", "d") if not unicodedata.combining(letter)
    )
    for typed in (text, plain, text.upper(), f'"{plain}"'):
        assert highlights(text, parsed(typed)) == [(0, len(text))]


@given(st.text(max_size=60), TYPED)
def test_places_shown_are_inside_the_text_in_order_and_apart(text: str, typed: str) -> None:
    try:
        query = parse(typed)
    except (SearchTooLong, SearchWithoutWords):
        return
    if query is None:
        return
    end = -1
    for start, stop in highlights(text, query):
        assert end < start < stop <= len(text)
        end = stop


@pytest.mark.parametrize(
    ("text", "typed", "shown"),
    [
        ("Số 12/QĐ-UBND và số 12", "12/qd", ["12/QĐ"]),
        ("Họp 15/6/1987, lại họp ngày 15 tháng 6 năm 1987", "1987-06-15", ["15/6/1987", "15 tháng 6 năm 1987"]),
        ("Trong 6/1987 và 15/6/1987", "6/1987", ["6/1987", "15/6/1987"]),
        ("chỉnh lý chinh chiến", "chin*", ["chỉnh", "chinh"]),
        ("không có gì", "khác", []),
    ],
)
def test_matches_are_shown_where_they_stand(text: str, typed: str, shown: list[str]) -> None:
    assert [text[start:end] for start, end in highlights(text, parsed(typed))] == shown


def test_a_phrase_never_reaches_from_one_passage_into_the_next() -> None:
    entries = index([Passage("quyết định", "A"), Passage("", "B"), Passage("khen thưởng", "C")])
    places = {entry.key: entry.place for entry in entries}
    assert places["dinh"] == places["quyet"] + 1
    assert places["khen"] > places["dinh"] + 1
    assert {entry.weight for entry in entries if entry.key == "khen"} == {"C"}


def test_each_spelling_has_its_entry_and_days_have_theirs() -> None:
    entries = index([Passage("Lý 05, ngày 1/7/1987", "A")])
    keys = {entry.key for entry in entries}
    assert {"li", "ly\u0301", "5", "05", "1987-07-01", "1987-07"} <= keys


def test_a_long_text_is_indexed_to_the_last_place_and_no_further() -> None:
    entries = index([Passage("chữ " * 60_000, "D"), Passage("sau", "D")])
    assert max(entry.place for entry in entries) == LAST_PLACE
    assert "sau" not in {entry.key for entry in entries}


def test_entries_are_written_as_the_database_reads_them() -> None:
    assert tsvector([Entry("a", 1, "A"), Entry("b", 2, "D"), Entry("a", 3, "B")]) == "'a':1A,3B 'b':2D"
