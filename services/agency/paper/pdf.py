"""The page as a PDF: A4, its fonts inside, the same bytes from the same receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from services.agency.paper.facts import HOW, STATES, TITLE, Page

_FONTS: Final = Path(__file__).parent
_FAMILY: Final = "DejaVu Sans"
_MARGIN: Final = 20.0  # mm
_CODE: Final = 45.0  # mm, its quiet zone included
_QUIET: Final = 4  # modules
_GAP: Final = 8.0


def pdf_page(page: Page) -> bytes:
    """The file's bytes."""
    pdf = FPDF(format="A4")
    pdf.set_creation_date(page.sealed_at)
    pdf.set_title(TITLE.capitalize())
    pdf.set_lang("vi")
    pdf.set_producer("Nộp Lưu")
    pdf.add_font(_FAMILY, fname=_FONTS / "DejaVuSans-vi.ttf")
    pdf.add_font(_FAMILY, style="B", fname=_FONTS / "DejaVuSans-Bold-vi.ttf")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(True, _MARGIN)
    pdf.add_page()
    pdf.set_font(_FAMILY, style="B", size=16)
    pdf.cell(0, 12, TITLE, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(_FAMILY, size=10)
    pdf.ln(2)
    pdf.multi_cell(0, 5.5, STATES, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(4)
    pdf.set_draw_color(120)
    with pdf.table(
        col_widths=(30, 70),
        borders_layout=TableBordersLayout.ALL,
        first_row_as_headings=False,
        line_height=5.5,
        padding=(1.2, 2),
        text_align="LEFT",
        wrapmode="WORD",
    ) as table:
        for label, value in page.rows:
            row = table.row()
            row.cell(label, style=FontFace(emphasis="BOLD", fill_color=(241, 241, 238)))
            row.cell(value)
    pdf.ln(_GAP)
    if pdf.get_y() + _CODE > pdf.h - _MARGIN:
        pdf.add_page()
    top = pdf.get_y()
    _code(pdf, page, _MARGIN, top)
    pdf.set_xy(_MARGIN + _CODE + _GAP, top + 4)
    pdf.multi_cell(0, 5.5, HOW, align="L")
    return bytes(pdf.output())


def _code(pdf: FPDF, page: Page, left: float, top: float) -> None:
    """The QR code, each run of dark modules one rectangle."""
    matrix = page.matrix()
    module = _CODE / (len(matrix) + 2 * _QUIET)
    pdf.set_fill_color(0)
    for number, modules in enumerate(matrix):
        column = 0
        while column < len(modules):
            width = 0
            while column + width < len(modules) and modules[column + width]:
                width += 1
            if width:
                x, y = left + (_QUIET + column) * module, top + (_QUIET + number) * module
                pdf.rect(x, y, width * module, module, style="F")
            column += max(width, 1)
