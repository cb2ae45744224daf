"""The page as one HTML file: no script, nothing fetched, fit for printing on A4."""

from __future__ import annotations

from html import escape
from typing import Final

from services.agency.paper.facts import HOW, STATES, TITLE, Page

_STYLE: Final = (
    "@page{size:A4;margin:20mm}"
    "body{font:11pt/1.45 'DejaVu Sans','Segoe UI',Arial,sans-serif;color:#111;max-width:170mm;margin:10mm auto}"
    "h1{font-size:16pt;text-align:center;margin:0 0 6mm}"
    "table{border-collapse:collapse;width:100%;margin:5mm 0}"
    "th,td{border:0.3mm solid #777;padding:1.6mm 2.5mm;text-align:left;vertical-align:top}"
    "th{width:34%;font-weight:600;background:#f1f1ee}"
    "td{overflow-wrap:anywhere;font-variant-numeric:tabular-nums}"
    ".end{display:flex;gap:8mm;align-items:flex-start}"
    ".end svg{width:42mm;height:42mm;flex:none}"
    "@media(max-width:40em){.end{display:block}}"
)
_QUIET: Final = 4  # modules around the code


def html_page(page: Page) -> bytes:
    """The file's bytes."""
    rows = "".join(
        f"<tr><th scope=row>{escape(label)}</th><td>{escape(value)}</td></tr>\n" for label, value in page.rows
    )
    return (
        f'<!doctype html>\n<html lang="vi">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(TITLE.capitalize())}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(TITLE)}</h1>\n<p>{escape(STATES)}</p>\n<table>\n{rows}</table>\n"
        f'<div class="end">\n{_svg(page)}\n<p>{escape(HOW)}</p>\n</div>\n</body>\n</html>\n'
    ).encode()


def _svg(page: Page) -> str:
    matrix = page.matrix()
    side = len(matrix) + 2 * _QUIET
    path = "".join(
        f"M{_QUIET + column},{_QUIET + row}h1v1h-1z"
        for row, modules in enumerate(matrix)
        for column, dark in enumerate(modules)
        if dark
    )
    label = escape(f"Mã QR: {page.code}", quote=True)
    return (
        f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="{label}" shape-rendering="crispEdges">'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )
