"""The page for the paper file: the receipt's facts, its digest, and letters that the fonts have."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from html import unescape
from pathlib import Path

import pytest
import segno
from fontTools.ttLib import TTFont

from services.agency.paper import pdf
from services.agency.paper.facts import HOW, STATES, TITLE, page_of
from services.agency.paper.html import html_page
from services.agency.paper.pdf import pdf_page
from services.kernel.canonical import canonical
from services.kernel.tlog.receipts import ReceiptInvalid, verify_receipt
from tests.support.deposits import LOG, ORIGIN, WITNESS, Deposit

KEYS = [LOG.verifier, WITNESS.verifier]
DEPOSIT = Deposit(witnesses=(WITNESS,))


def test_the_page_states_the_facts_of_the_receipt() -> None:
    page = page_of(DEPOSIT.receipt, KEYS)
    event = verify_receipt(DEPOSIT.receipt, KEYS).event
    said = " ".join(value for _, value in page.rows)
    for name in ("package", "submitter", "fonds", "manifest_sha256"):
        assert str(event[name]) in said
    assert "12:02:03 ngày 24/11/2026" in said  # 05:02:03 UTC
    digest = hashlib.sha256(DEPOSIT.receipt).hexdigest()
    assert page.sha256 == digest
    for fact in (digest, ORIGIN, WITNESS.verifier.name, "5 (điểm kiểm 300 lá)"):
        assert fact in said
    assert dict(page.rows)["Số tệp"] == "4"
    assert page.code == f"nopluu/receipt1 {event['package']} {digest} {ORIGIN} 5"


def test_the_html_holds_every_row_and_fetches_nothing() -> None:
    page = page_of(DEPOSIT.receipt, KEYS)
    text = html_page(page).decode()
    assert '<html lang="vi">' in text
    for label, value in page.rows:
        assert f"<th scope=row>{label}</th><td>{value}</td>" in unescape(text)
    assert STATES in text
    assert not re.search(r"<script|https?://|url\(", text)


def test_the_code_is_drawn_as_it_is() -> None:
    page = page_of(DEPOSIT.receipt, KEYS)
    dark = sum(sum(row) for row in segno.make(page.code, error="m", micro=False).matrix)
    assert html_page(page).decode().count("h1v1h-1z") == dark


def test_what_a_manifest_names_is_escaped_and_only_its_own_counts() -> None:
    manifest = canonical({"submitter": "H57.<b>&", "fonds": "PH-01", "documents": []})
    deposit = Deposit(manifest_sha256=hashlib.sha256(manifest).hexdigest())
    page = page_of(deposit.receipt, KEYS, manifest)
    assert dict(page.rows)["Phông"].startswith("PH-01 (")
    text = html_page(page).decode()
    assert "H57.&lt;b&gt;&amp;" in text
    assert "<b>" not in text
    assert "PH-01" not in str(page_of(deposit.receipt, KEYS, manifest + b" ").rows)


def test_the_pdf_is_one_page_and_the_same_every_time(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        page = page_of(DEPOSIT.receipt, KEYS)
        made = pdf_page(page)
    assert made.startswith(b"%PDF-")
    assert made == pdf_page(page)
    assert len(re.findall(rb"/Type /Page\b", made)) == 1
    assert b"/ToUnicode" in made  # its text can be searched and copied
    assert caplog.records == []  # missing letters are told there


def test_the_fonts_have_every_letter_of_vietnamese() -> None:
    vowels = "aăâeêioôơuưy"
    marks = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
    letters = {unicodedata.normalize("NFC", vowel + mark) for vowel in vowels for mark in marks} | {"đ"}
    letters |= {letter.upper() for letter in letters}
    letters |= set(TITLE + STATES + HOW + "".join(chr(code) for code in range(0x20, 0x7F)))
    for name in ("DejaVuSans-vi.ttf", "DejaVuSans-Bold-vi.ttf"):
        with TTFont(Path(pdf.__file__).parent / name) as font:
            assert {ord(letter) for letter in letters} <= set(font.getBestCmap())


def test_no_page_is_made_of_what_does_not_verify() -> None:
    with pytest.raises(ReceiptInvalid):
        page_of(DEPOSIT.receipt.replace(b"index 5", b"index 4"), KEYS)
    with pytest.raises(ReceiptInvalid):
        page_of(DEPOSIT.receipt, [WITNESS.verifier])
