"""Folding: whatever people type for a word finds the word, and matches stand where the text has them."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.search_folding import LONGEST_WORD, Mention, day_key, fold, mentions, month_key, words

_VOWELS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VIETNAMESE = st.text("abcdđeghiklmnopqrstuvxyăâêôơư ÀÁẢÃẠỀẾỂỄỆỜỚỞỠỢỪỨỬỮỰ.,-/0123456789", max_size=60)
DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("thu thap chinh ly", "Thu thập, chỉnh lý"),
        ("chỉnh lí", "chỉnh lý"),
        ("hòa", "hoà"),
        ("ủy ban", "Uỷ ban"),
        ("thúy", "thuý"),
        ("QUY DINH", "Quy định"),
        ("dang bo", "Đảng bộ"),
        ("dang bo", "Ðảng bộ"),  # U+00D0, as converters leave it
        ("P012.001", "p012 001"),
        ("12/QĐ-UBND", "12_qd—ubnd"),
        ("5", "005"),
        ("0", "000"),
        ("ket luan", "ke\u0301t lua\u0323\u0302n"),
        ("ket luan", "kế\u00adt\u200b luận"),
        ("so 12", "sô\u0301 １２"),
    ],
)
def test_what_is_typed_finds_what_is_written(typed: str, written: str) -> None:
    assert fold(typed) == fold(written)


@pytest.mark.parametrize(("one", "other"), [("hòa", "hoà"), ("Thúy", "THUÝ"), ("của", "cu\u0309a"), ("uỷ", "ủy")])
def test_tone_placement_case_and_normal_form_are_the_same_exact_word(one: str, other: str) -> None:
    assert [word.exact for word in words(one)] == [word.exact for word in words(other)]


@pytest.mark.parametrize(("one", "other"), [("hòa", "hóa"), ("hòa", "hoa"), ("dân", "đàn"), ("tư", "tu"), ("05", "5")])
def test_other_words_are_other_exact_words(one: str, other: str) -> None:
    assert [word.exact for word in words(one)] != [word.exact for word in words(other)]


@given(st.text(max_size=80))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=80))
def test_a_key_holds_no_blank_and_no_sign_and_is_bounded(text: str) -> None:
    for word in words(text):
        for key in (word.folded, word.exact):
            assert 0 < len(key) <= LONGEST_WORD
            assert all(letter.isalnum() or unicodedata.combining(letter) for letter in key)
        assert not any(unicodedata.combining(letter) for letter in word.folded)


@given(st.text(max_size=80))
def test_words_stand_in_the_text_in_order_and_each_is_found_alone(text: str) -> None:
    end = 0
    for word in words(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end
        (alone,) = words(text[word.start : word.end])
        assert (alone.folded, alone.exact) == (word.folded, word.exact)


@given(st.text(max_size=80))
def test_an_exact_key_that_differs_from_its_folded_one_is_no_folded_key(text: str) -> None:
    for word in words(text):
        if word.exact != word.folded:
            assert fold(word.exact) != word.exact


@given(VIETNAMESE)
def test_diacritics_case_and_normal_form_never_matter(text: str) -> None:
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    ).translate(str.maketrans("đĐ", "dD"))
    for variant in (plain, text.upper(), text.lower(), unicodedata.normalize("NFD", text)):
        assert fold(variant) == fold(text)


@given(st.sampled_from(_VOWELS), st.sampled_from("aoeuy"), st.sampled_from(_TONES))
def test_the_tone_may_stand_on_either_vowel(first: str, second: str, tone: str) -> None:
    old, new = (unicodedata.normalize("NFC", spelled) for spelled in (first + second + tone, first + tone + second))
    assert [word.exact for word in words(old)] == [word.exact for word in words(new)]


@given(DAYS)
def test_a_day_is_known_in_every_way_of_writing_it(day: date) -> None:
    for text in (
        f"{day:%d/%m/%Y}",
        f"{day.day}/{day.month}/{day.year}",
        f"{day:%d-%m-%Y}",
        f"{day:%d.%m.%Y}",
        f"{day:%Y-%m-%d}",
        f"ngày {day.day} tháng {day.month} năm {day.year}",
        f"Ngày {day:%d} THÁNG {day:%m} NĂM {day.year}",
    ):
        found = words(text)
        (mention,) = mentions(text, found)
        assert mention.key == day_key(day)
        assert {word.folded for word in found[mention.first : mention.last + 1]} >= {str(day.day), str(day.year)}


@given(DAYS)
def test_a_month_is_known_too(day: date) -> None:
    for text in (f"{day.month}/{day.year}", f"{day:%m/%Y}", f"tháng {day.month} năm {day.year}"):
        assert [mention.key for mention in mentions(text, words(text))] == [month_key(day)]


@pytest.mark.parametrize(
    "text", ["31/02/1987", "12/1987/QĐ-UB", "13/1987", "1/2/87", "115/06/1987", "tháng 13 năm 1987"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert mentions(text, words(text)) == ()


def test_a_mention_says_which_words_it_covers() -> None:
    text = "Họp ngày 15 tháng 6 năm 1987 và 1/7/1987"
    assert mentions(text, words(text)) == (Mention("1987-07-01", 8, 10), Mention("1987-06-15", 2, 6))
