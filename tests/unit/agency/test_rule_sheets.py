"""Rules go into an officer's workbook and come back the same; whatever is wrong there is told at its cell."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from datetime import date
from functools import cache
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agency.errors import RejectedError, UsageError
from services.agency.rule_bundles import export, read_bytes
from services.agency.rule_sheets import read_rules, workbook_of
from services.kernel.canonical import canonical
from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules import baseline_bundle, load_bundle

BASELINE = baseline_bundle(3, date(2026, 12, 1))

_TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from([*'=+-@"|\n\t\r;:_x00', "\ufffe", "ệ"]),
    min_size=1,
    max_size=30,
)
_DAYS = st.dates(date(1800, 1, 1), date(2199, 12, 31)).map(date.isoformat)
_VALUES = (
    _TEXT
    | _DAYS
    | st.booleans()
    | st.none()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.sampled_from(["Mật", "mat", "open", "json:1", "json:", "=1+1", "_x000D_", "#REF!", " ", "01", "có", ""])
)
_SECRECY = st.dictionaries(
    st.sampled_from(["level", "stub", "issued_on", "expires_on", "list_item", "copies_made", "odd"]),
    _VALUES,
    max_size=5,
) | st.fixed_dictionaries(
    {
        "extensions": st.lists(st.fixed_dictionaries({"decided_on": _DAYS | _TEXT, "until": _DAYS}), max_size=3)
        | _VALUES,
        "declassified": st.dictionaries(st.sampled_from(["on", "authority", "relation", "odd"]), _VALUES) | _VALUES,
    }
)
_EXAMPLES = st.lists(
    st.dictionaries(
        st.sampled_from(["today", "components", "revealing", "deployment", "access_mode", "note", "odd"]), _VALUES
    )
    | st.fixed_dictionaries({"secrecy": _SECRECY | _VALUES, "dossier": st.fixed_dictionaries({"secrecy": _SECRECY})}),
    min_size=1,
    max_size=3,
)
_SAID = _TEXT.filter(lambda text: bool(text.strip()))
_BASIS = st.builds(
    lambda text, article, days: {"text": text, "article": article, **days},
    _SAID,
    _TEXT | st.just(""),
    st.fixed_dictionaries({}, optional={"from": _DAYS, "until": _DAYS}),
)
_SPOKEN = _SAID.map(lambda text: text.replace("{", "(").replace("}", ")"))
_ROWS = st.lists(
    st.builds(
        lambda row, note: row | note,
        st.fixed_dictionaries(
            {
                "id": st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,9}", fullmatch=True),
                "basis": st.lists(_BASIS, min_size=1, max_size=3),
                "condition": _SAID,
                "cel": _SAID,
                "effect": st.sampled_from(["refuse", "quarantine", "withhold", "conditional", "admit"]),
                "report": st.booleans(),
                "confirmed": st.booleans(),
                "message": st.fixed_dictionaries({"vi": _SPOKEN, "en": _SPOKEN}),
                "examples": st.fixed_dictionaries({"positive": _EXAMPLES, "negative": _EXAMPLES}),
            }
        ),
        st.fixed_dictionaries({}, optional={"note": _SAID}),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda row: row["id"],
)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2**53 - 1), st.dates(date(1800, 1, 1), date(2199, 12, 31)), _ROWS)
def test_any_bundle_comes_back_byte_for_byte(version: int, day: date, rows: list[Any]) -> None:
    payload = canonical(
        {"format": "nopluu/rules1", "version": version, "effective_from": day.isoformat(), "rows": rows}
    )
    load_bundle(payload)  # the strategy makes only what the gate for bundles can read
    assert canonical(read_rules(workbook_of(json.loads(payload)), "x").value) == payload


def test_the_baseline_comes_back_and_needs_no_json_where_a_column_is() -> None:
    read = read_bytes(BASELINE, "x")
    data = export(read)
    assert read_bytes(data, "x.xlsx").payload == BASELINE
    odd = [
        cell.coordinate
        for sheet in openpyxl.load_workbook(io.BytesIO(data)).worksheets
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.startswith("json:")
    ]
    assert len(odd) <= 7  # secrecy that says nothing at all, and a level that is none


def test_nothing_in_the_workbook_is_a_formula() -> None:
    value = json.loads(BASELINE)
    value["rows"][0]["condition"] = '=HYPERLINK("http://x","y")'
    value["rows"][0]["note"] = "@SUM(1)"
    book = openpyxl.load_workbook(io.BytesIO(workbook_of(value)))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert all(cell.quotePrefix for cell in cells if isinstance(cell.value, str) and cell.value[:1] in "=+-@")
    assert read_rules(workbook_of(value), "x").value == value


@cache
def _workbook() -> bytes:
    return workbook_of(json.loads(BASELINE))


def _edited(edit: Any) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(_workbook()))
    edit(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _set(sheet: str, place: str, value: Any) -> Any:
    def edit(book: Any) -> None:
        book[sheet][place] = value

    return edit


def _hide_row(book: Any) -> None:
    book["Quy tắc"].row_dimensions[5].hidden = True


def _hide_column(book: Any) -> None:
    book["Ví dụ"].column_dimensions["D"].hidden = True


def _invisible_cell(book: Any) -> None:
    book["Quy tắc"]["B4"].number_format = ";;;"


def _hide_sheet(book: Any) -> None:
    book["Ví dụ"].sheet_state = "hidden"


@pytest.mark.parametrize(
    ("edit", "place", "code"),
    [
        (_set("Quy tắc", "B3", "=1+1"), "Quy tắc!B3", "formula"),
        (_set("Ví dụ", "F4", '=cmd|"/c calc"!A1'), "Ví dụ!F4", "formula"),
        (_set("Bìa", "B2", "=1+1"), "Bìa!B2", "formula"),
        (_set("Bìa", "A2", "Số"), "Bìa", "cover-invalid"),
        (_set("Bìa", "B2", None), "Bìa!B2", "count-expected"),
        (_set("Quy tắc", "B4", "#REF!"), "Quy tắc!B4", "cell-error"),
        (_set("Quy tắc", "C4", "Từ chốii"), "Quy tắc!C4", "choice-expected"),
        (_set("Ví dụ", "D5", "Mậtt"), "Ví dụ!D5", "choice-expected"),
        (_set("Quy tắc", "E4", "Luật | Điều 1 | Điều 2"), "Quy tắc!E4", "basis-expected"),
        (_set("Ví dụ", "F3", 10**300), "Ví dụ!F3", "count-expected"),
        (_set("Quy tắc", "A60001", "x"), "Quy tắc", "sheet-too-large"),
        (_set("Quy tắc", "XFD3", "x"), "Quy tắc", "sheet-too-large"),
        (_invisible_cell, "Quy tắc!B4", "hidden"),
        (_set("Bìa", "B3", "mai"), "Bìa!B3", "day-expected"),
        (_set("Quy tắc", "A4", 8.2018), "Quy tắc!A4", "text-expected"),
        (_set("Quy tắc", "A4", date(2026, 1, 1)), "Quy tắc!A4", "text-expected"),
        (_set("Quy tắc", "D4", "có lẽ"), "Quy tắc!D4", "flag-expected"),
        (_set("Quy tắc", "E4", "Luật | Điều 1 | năm 2020"), "Quy tắc!E4", "basis-expected"),
        (_set("Quy tắc", "E4", "Luật | Điều 1 | từ 31/02/2020"), "Quy tắc!E4", "day-expected"),
        (_set("Quy tắc", "A3", "1"), "Quy tắc!A3", "rule-twice"),
        (_set("Quy tắc", "A1", "Ma"), "Quy tắc!A1", "heading-unknown"),
        (_set("Quy tắc", "A1", None), "Quy tắc: Mã", "heading-missing"),
        (_set("Quy tắc", "B1", "Mã"), "Quy tắc!B1", "heading-twice"),
        (_set("Quy tắc", "Z3", "x"), "Quy tắc!Z3", "heading-empty"),
        (_set("Ví dụ", "A3", "99"), "Ví dụ!A3", "rule-unknown"),
        (_set("Ví dụ", "B3", "Hay khớp"), "Ví dụ!B3", "choice-expected"),
        (_set("Ví dụ", "B3", None), "Ví dụ!B3", "match-expected"),
        (_set("Ví dụ", "I3", 46000), "Ví dụ!I3", "day-expected"),
        (_set("Ví dụ", "F3", 1.5), "Ví dụ!F3", "count-expected"),
        (_set("Ví dụ", "L3", "10 năm"), "Ví dụ!L3", "extensions-expected"),
        (_set("Ví dụ", "AN3", "{"), "Ví dụ!AN3", "json-invalid"),
        (_set("Ví dụ", "AN3", 'json:{"today": "2026-01-01"}'), "Ví dụ!AN3", "told-twice"),
        (_hide_row, "Quy tắc!5", "hidden"),
        (_hide_column, "Ví dụ!D", "hidden"),
        (_hide_sheet, "Ví dụ", "hidden"),
        (lambda book: book["Quy tắc"].merge_cells("B3:C3"), "Quy tắc!B3:C3", "merged"),
        (lambda book: book.create_sheet("Thêm"), "Thêm", "sheet-unknown"),
        (lambda book: book.remove(book["Bìa"]), "Bìa", "sheet-missing"),
    ],
)
def test_what_a_cell_cannot_be_is_told_there(edit: Any, place: str, code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        read_rules(_edited(edit), "x")
    assert (place, code) in {(fault.pointer, fault.code) for fault in refused.value.faults}
    assert all(fault.detail.vi and fault.detail.en for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("edit", "place", "code"),
    [
        (_set("Quy tắc", "C4", None), "Quy tắc!C4", "effect-unknown"),
        (_set("Quy tắc", "J4", "doc.level == “mat”"), "Quy tắc!J4", "cel-curly"),
        (_set("Quy tắc", "J4", 'doc.levle == "mat"'), "Quy tắc!J4", "cel-invalid"),
        (_set("Quy tắc", "J4", "doc.level == 1"), "Quy tắc!J4", "cel-invalid"),
        (_set("Quy tắc", "H4", None), "Quy tắc!H4", "message-invalid"),
        (_set("Quy tắc", "E4", None), "Quy tắc!E4", "basis-invalid"),
        (_set("Ví dụ", "B2", "Không được khớp"), "Ví dụ!A2", "example-matched"),
        (_set("Ví dụ", "F5", -1), "Ví dụ!A5", "example-invalid"),
    ],
)
def test_what_the_gate_for_bundles_refuses_is_told_at_its_cell(edit: Any, place: str, code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        read_bytes(_edited(edit), "x.xlsx")
    assert (place, code) in {(fault.pointer, fault.code) for fault in refused.value.faults}


def test_columns_may_be_moved_and_dates_typed_as_text() -> None:
    def move(book: Any) -> None:
        sheet = book["Quy tắc"]
        sheet.move_range(f"J1:J{sheet.max_row}", cols=5)
        book["Bìa"]["B3"] = "1/12/2026"

    assert read_bytes(_edited(move), "x.xlsx").payload == BASELINE


def test_blanks_around_ids_bars_without_blanks_and_other_forms_of_unicode_change_nothing() -> None:
    def edit(book: Any) -> None:
        rules, examples = book["Quy tắc"], book["Ví dụ"]
        rules["A4"], examples["A3"] = "2\u00a0", " 1 "
        rules["C4"], rules["D4"] = "  TỪ  CHỐI ", "CÓ "
        rules["E4"] = str(rules["E4"].value).replace(" | ", "\u00a0|").replace("\n", "\r\n")
        rules["B1"] = unicodedata.normalize("NFD", "Điều kiện")
        examples.title = unicodedata.normalize("NFD", "Ví dụ")

    assert read_bytes(_edited(edit), "x.xlsx").payload == BASELINE


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'<c r="F3"', b'<c r="F3F"'), (b' s="', b' s="9999'), (b"<v>", b"<v>nan"), (b"</row>", b"")],
)
def test_a_damaged_workbook_is_told_to_be_one(old: bytes, new: bytes) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_workbook())) as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(old, new, 1) if name.endswith("sheet3.xml") else content)
    with pytest.raises((UsageError, RejectedError)):
        read_bytes(stream.getvalue(), "x.xlsx")


def test_a_workbook_with_macros_or_links_is_not_read() -> None:
    stream = io.BytesIO(workbook_of(json.loads(BASELINE)))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    with pytest.raises(UsageError):
        read_rules(stream.getvalue(), "x")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_anything_else_is_told_to_be_no_workbook(data: bytes) -> None:
    with pytest.raises(UsageError):
        read_rules(b"PK\x03\x04" + data, "x")


def test_a_null_day_is_not_another_spelling_of_no_day() -> None:
    value = json.loads(BASELINE)
    value["rows"][0]["basis"][0]["from"] = None
    with pytest.raises(BundleInvalid):
        load_bundle(canonical(value))
