"""PostgreSQL finds exactly what our own rules say it finds, whatever is written and whatever is typed."""

from __future__ import annotations

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.adapters.tsearch import exact_query, folded_query, tsvector
from services.catalog.domain.query import Query, highlights, parse
from services.catalog.domain.words import Passage, index
from services.kernel.refusals.catalog import SearchTooLong, SearchWithoutWords
from tests.support.postgres import Database

# Few words, so that texts and searches meet.
WORDS = st.sampled_from(
    ["hòa", "hoà", "hoa", "Hóa", "ly", "lý", "lí", "đ", "d", "5", "05", "12/QĐ", "12", "qd", "1/2/2001", "2001-02-01",
     "ngày 1 tháng 2 năm 2001", "2/2001", "tháng 2 năm 2001", "năm", "2001", "ngày", "h*", "l*", '"', "(", "&", "!"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=7).map(" ".join)


def asked(typed: str) -> Query | None:
    try:
        return parse(typed)
    except (SearchWithoutWords, SearchTooLong):
        return None


def test_the_database_finds_what_is_shown_and_shows_what_it_finds(database: Database) -> None:
    with psycopg.connect(database.url_for("nopluu_catalog")) as connection:

        @given(TEXTS, TEXTS)
        @settings(max_examples=400, deadline=None)
        def compare(written: str, typed: str) -> None:
            query = asked(typed)
            if query is None:
                return
            row = connection.execute(
                "SELECT %s::tsvector @@ %s::tsquery", (tsvector(index([Passage(written, "A")])), folded_query(query))
            ).fetchone()
            shown = all(highlights(written, Query((term,))) for term in query.terms)
            assert row == (shown,)

        compare()


def test_what_matches_exactly_matches_at_all(database: Database) -> None:
    with psycopg.connect(database.url_for("nopluu_catalog")) as connection:

        @given(TEXTS, TEXTS)
        @settings(max_examples=200, deadline=None)
        def compare(written: str, typed: str) -> None:
            query = asked(typed)
            exact = None if query is None else exact_query(query)
            if query is None or exact is None:
                return
            words = tsvector(index([Passage(written, "A")]))
            row = connection.execute(
                "SELECT %(w)s::tsvector @@ %(e)s::tsquery, %(w)s::tsvector @@ %(f)s::tsquery",
                {"w": words, "e": exact, "f": folded_query(query)},
            ).fetchone()
            assert row is not None
            assert not row[0] or row[1]

        compare()


def test_anything_written_and_anything_typed_is_valid_for_the_database(database: Database) -> None:
    with psycopg.connect(database.url_for("nopluu_catalog")) as connection:

        @given(st.text(max_size=50), st.text(max_size=50))
        @settings(max_examples=300, deadline=None)
        def accept(written: str, typed: str) -> None:
            connection.execute("SELECT %s::tsvector", (tsvector(index([Passage(written, "D")])),))
            query = asked(typed)
            if query is not None:
                connection.execute("SELECT %s::tsquery, %s::tsquery", (folded_query(query), exact_query(query)))

        accept()


def test_the_longest_texts_fit(database: Database) -> None:
    words = " ".join(f"từ{at:062}" for at in range(60_000))
    with psycopg.connect(database.url_for("nopluu_catalog")) as connection:
        connection.execute("SELECT %s::tsvector", (tsvector(index([Passage(words, "D")])),))
