"""Promise (rule 23): a mark of secrecy is seen as a scan's text layer shows it, and a sentence about secrets is none."""

from __future__ import annotations

import io
import zlib

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from services.kernel.marks import Inspected, Mark, Outcome, inspect, marks_on, worth_reading

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
    assert found == Inspected(Outcome.MARKED, frozenset({Mark.TOI_MAT}), page=2, pages=3, textless=1)
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
