"""Promise (rule 23): a mark of secrecy is seen as a scan's text layer shows it, and a sentence about secrets is none."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any, Final

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from services.agency import paper
from services.kernel.marks import Inspected, Mark, Outcome, inspect, marks_on, worth_reading
from services.kernel.marks.inspecting import MAX_PAGES

FONT: Final = Path(paper.__file__).parent / "DejaVuSans-vi.ttf"
HELVETICA: Final = {
    NameObject("/Type"): NameObject("/Font"),
    NameObject("/Subtype"): NameObject("/Type1"),
    NameObject("/BaseFont"): NameObject("/Helvetica"),
}

STATE = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
PARTY = "ĐẢNG CỘNG SẢN VIỆT NAM"


def pdf(*pages: str) -> bytes:
    """A real PDF with a text layer; its font has no Vietnamese letters, as old OCR engines had none."""
    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in pages:
        made.add_page()
        for line in page.splitlines():
            made.cell(text=line, new_x="LMARGIN", new_y="NEXT")
    return bytes(made.output())


@pytest.mark.parametrize(
    ("page", "mark"),
    [
        ("TUYỆT MẬT", Mark.TUYET_MAT),
        ("Số: 12-BC/TU\nTỐI MẬT\nKính gửi: Ban Thường vụ", Mark.TOI_MAT),
        ("UBND TỈNH          MẬT          Số 5", Mark.MAT),
        ("T Ố I  M Ậ T", Mark.TOI_MAT),
        ("T U Y Ệ T   M Ậ T", Mark.TUYET_MAT),
        ("TUYET MAT", Mark.TUYET_MAT),
        ("TỒI MẤT", Mark.TOI_MAT),  # the accents of another word: nothing else is written so in capitals
        ("T0I MAT", Mark.TOI_MAT),
        ("[ MẬT ]", Mark.MAT),
        (f"{STATE}\nMAT", Mark.MAT),
        (f"{PARTY}\nMẤT", Mark.MAT),
        ("Độ mật: Tối mật", Mark.TOI_MAT),
        ("MỨC ĐỘ MẬT: MẬT", Mark.MAT),
        ("Bản số: 03", Mark.COPY_NUMBER),
        ("BẢN SỐ 12", Mark.COPY_NUMBER),
        ("Bản số: ......", Mark.COPY_NUMBER),
        ("Chỉ người có tên mới được bóc bì", Mark.NAMED_OPENER),
        ("Kính gửi: Đồng chí Bí thư\nA", Mark.ENVELOPE_LETTER),
        ("tuyÖt mËt", Mark.TUYET_MAT),  # TCVN3
        ("TUYEÄT MAÄT", Mark.TUYET_MAT),  # VNI
    ],
)
def test_a_mark_is_seen(page: str, mark: Mark) -> None:
    assert mark in marks_on(page)


@pytest.mark.parametrize(
    "page",
    [
        "Bảo mật, mật khẩu, mật ong, mật độ dân số",
        "QUY CHẾ BẢO VỆ BÍ MẬT NHÀ NƯỚC",
        "Danh mục bí mật nhà nước độ Tối mật, Tuyệt mật thuộc lĩnh vực y tế",
        "BẢO          MẬT",  # one word, driven apart
        "MẬT          KHẨU",
        "MAT",  # no letterhead above it
        "MẮT",
        "Kiểm tra mắt, mặt, mất mát",
        "Văn bản số 12 và bản số hóa của hồ sơ",
        "A\nB\nC",  # a list, no envelope
        "A\n" + "\n".join(f"dòng {number}" for number in range(30)),
        "Tôi mất giấy tờ",
        "",
    ],
)
def test_a_sentence_about_secrets_is_no_mark(page: str) -> None:
    assert marks_on(page) == frozenset()


@given(st.text(max_size=300))
def test_any_text_is_read(page: str) -> None:
    assert marks_on(page) <= frozenset(Mark)


def test_a_pdf_is_read_page_by_page() -> None:
    found = inspect(pdf("Trang mot", "TOI MAT\nTrang hai", ""))
    assert found == Inspected(Outcome.MARKED, frozenset({Mark.TOI_MAT}), page=2, pages=2)  # read to the first mark
    assert inspect(pdf("Trang mot")) == Inspected(Outcome.CLEAN, pages=1)
    assert inspect(pdf("", "")) == Inspected(Outcome.NO_TEXT, pages=2, textless=2)


def test_text_and_the_layers_of_ocr_engines_are_read() -> None:
    assert inspect("Trang một\fTỐI MẬT".encode()).page == 2
    assert inspect("TỐI MẬT".encode("utf-16")).outcome is Outcome.MARKED
    hocr = "<html><body><div class='ocr_page'><span class='ocr_line'>M</span></div><div class='ocr_page'>"
    hocr += "<span class='ocr_line'><span class='ocrx_word'>TUYỆT</span> <span class='ocrx_word'>MẬT</span></span>"
    found = inspect(hocr.encode())
    assert (found.page, found.marks) == (2, frozenset({Mark.TUYET_MAT}))
    alto = "<alto><Layout><Page><TextLine><String CONTENT='T&#7888;I'/><SP/><String CONTENT='M&#7852;T'/></TextLine>"
    assert inspect(alto.encode()).marks == frozenset({Mark.TOI_MAT})
    prefixed = "<alto:alto><alto:TextLine><alto:String CONTENT='TỐI'/><alto:String CONTENT='MẬT'/></alto:TextLine>"
    assert inspect(prefixed.encode()).marks == frozenset({Mark.TOI_MAT})
    assert inspect(b"<html><script>TUYET MAT</script><p>abc</p></html>").outcome is Outcome.CLEAN


def test_what_has_no_text_is_told_apart_from_what_cannot_be_read() -> None:
    image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    assert inspect(image).outcome is Outcome.UNSUPPORTED
    assert not worth_reading(image)
    assert worth_reading(b"\xff\xfeT\0")
    assert worth_reading(b"\0" * 500 + b"%PDF-1.7")
    assert inspect(b"%PDF-1.7\nrubbish").outcome is Outcome.UNREADABLE
    assert inspect(pdf("TOI MAT")[:-200]).outcome in (Outcome.MARKED, Outcome.UNREADABLE)
    locked = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("TOI MAT"))))
    locked.encrypt("chìa khóa", algorithm="RC4-128")
    written = io.BytesIO()
    locked.write(written)
    assert inspect(written.getvalue()).outcome is Outcome.UNREADABLE


def test_a_bomb_is_an_outcome() -> None:
    """A stream that unpacks to a gigabyte, and pages that are their own children."""
    bomb = zlib.compress(b" " * (1 << 30), 9)
    stream = b"4 0 obj\n<</Length %d /Filter /FlateDecode>>\nstream\n%s\nendstream\nendobj\n" % (len(bomb), bomb)
    head = b"%PDF-1.4\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n"
    one = b"2 0 obj\n<</Type /Pages /Count 1 /Kids [3 0 R]>>\nendobj\n"
    page = b"3 0 obj\n<</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R>>\nendobj\n"
    assert inspect(head + one + page + stream + b"trailer\n<</Root 1 0 R>>\n").outcome is not Outcome.MARKED
    loop = b"2 0 obj\n<</Type /Pages /Count 2 /Kids [2 0 R 2 0 R]>>\nendobj\n"
    assert inspect(head + loop + b"trailer\n<</Root 1 0 R>>\n").outcome is not Outcome.MARKED


def test_the_answer_of_the_process_is_not_believed_with_more_than_words() -> None:
    found = Inspected(Outcome.MARKED, frozenset({Mark.MAT}), 3, 9, 1)
    assert Inspected.from_json(found.to_json()) == found
    for answer in (
        b"",
        b"{}",
        b'["marked", ["a title"], 1, 1, 0]',
        b'["marked", [], "x", 1, 0]',
        b'["new", [], 0, 0, 0]',
    ):
        with pytest.raises(ValueError, match=r"not the answer|Expecting value|is not a valid"):
            Inspected.from_json(answer)


def test_the_text_layer_of_a_vietnamese_scan_is_read() -> None:
    made = FPDF()
    made.add_font("vi", fname=FONT)
    made.set_font("vi", size=12)
    for page in (f"{STATE}\nQuy chế bảo mật", f"{STATE}\nTUYỆT MẬT\nKế hoạch"):
        made.add_page()
        for line in page.splitlines():
            made.cell(text=line, new_x="LMARGIN", new_y="NEXT")
    assert inspect(bytes(made.output())) == Inspected(Outcome.MARKED, frozenset({Mark.TUYET_MAT}), page=2, pages=2)


@pytest.mark.parametrize("contents", ["TOI MAT", ""])
def test_a_stamp_that_a_pdf_editor_put_on_is_seen(contents: str) -> None:
    """By its note, and where it has none by what it shows."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Trang mot"))))
    shown = DecodedStreamObject()
    shown.set_data(b"BT /F1 12 Tf 5 5 Td (%s) Tj ET" % (b"ABC" if contents else b"TOI MAT"))
    shown.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): ArrayObject([NumberObject(value) for value in (0, 0, 90, 20)]),
            NameObject("/Resources"): DictionaryObject(
                {NameObject("/Font"): DictionaryObject({NameObject("/F1"): DictionaryObject(HELVETICA)})}
            ),
        }
    )
    stamp = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Stamp"),
            NameObject("/Rect"): ArrayObject([NumberObject(value) for value in (10, 10, 100, 30)]),
            NameObject("/Contents"): TextStringObject(contents),
            NameObject("/AP"): DictionaryObject({NameObject("/N"): writer._add_object(shown)}),
        }
    )
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(stamp)])
    written = io.BytesIO()
    writer.write(written)
    assert inspect(written.getvalue()).marks == frozenset({Mark.TOI_MAT})


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_page_that_breaks_hides_no_mark_and_makes_no_file_clean(broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    extract, read = PageObject.extract_text, []

    def breaking(page: PageObject, *args: object, **options: Any) -> str:
        if page.page_number == broken:
            raise RecursionError
        read.append(page.page_number)
        return extract(page, **options)

    monkeypatch.setattr(PageObject, "extract_text", breaking)
    found = inspect(pdf("Trang mot", "Trang hai", "Trang ba"))
    assert found.outcome is Outcome.UNREADABLE
    assert set(read) == {0, 1, 2} - {broken}
    stamped = ["Trang mot", "Trang hai", "Trang ba"]
    stamped[(broken + 1) % 3] = "TOI MAT"
    assert inspect(pdf(*stamped)).marks == frozenset({Mark.TOI_MAT})


def test_a_page_is_read_as_written_where_its_layout_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> str:
        raise MemoryError

    monkeypatch.setattr(PageObject, "_layout_mode_text", away)
    assert inspect(pdf("TOI MAT")).outcome is Outcome.MARKED
    assert inspect(pdf("Trang mot")).outcome is Outcome.UNREADABLE


def test_text_of_before_unicode_is_read() -> None:
    """windows-1258, and the bytes of TCVN3 and of VNI, which no declaration tells apart."""
    assert inspect("T\u00d4\u0301I MÂ\u0323T".encode("cp1258")).marks == frozenset({Mark.TOI_MAT})
    assert inspect("tèi mËt".encode("latin-1")).marks == frozenset({Mark.TOI_MAT})
    assert inspect("TOÁI MAÄT".encode("latin-1")).marks == frozenset({Mark.TOI_MAT})
    assert inspect("b¶o mËt".encode("latin-1")).outcome is Outcome.CLEAN
    assert inspect(b"\xff\xd8\xff\xe0\x10JFIF").outcome is Outcome.UNSUPPORTED


def test_no_text_is_too_long_to_be_searched_to_its_end() -> None:
    assert inspect(b"so lieu\n" * 200_000 + "TỐI MẬT".encode()).outcome is Outcome.MARKED


def test_more_pages_than_are_read_are_not_clean() -> None:
    assert inspect(b"trang\f" * (MAX_PAGES - 1) + b"trang").outcome is Outcome.CLEAN
    assert inspect(b"trang\f" * MAX_PAGES + b"trang").outcome is Outcome.UNREADABLE
    kids = b" ".join([b"3 0 R"] * 100_000)
    tree = b"2 0 obj\n<</Type /Pages /Count 100000 /Kids [%s]>>\nendobj\n" % kids
    page = b"3 0 obj\n<</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>>\nendobj\n"
    head = b"%PDF-1.4\n1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n"
    assert inspect(head + tree + page + b"trailer\n<</Root 1 0 R>>\n").outcome is not Outcome.CLEAN
