"""The closing report of an incident as a page that can be printed and filed: no script, nothing from elsewhere."""

from __future__ import annotations

from datetime import datetime
from html import escape

from services.ingest.usecases.read_incidents import OpenedIncident
from services.kernel.vietnam import VIETNAM


def report_page(opened: OpenedIncident) -> str:
    """HTML in Vietnamese and English; ids, days, officers and instruments, never a title."""
    incident = opened.incident
    where = "cả gói / whole package" if incident.document is None else f"#{incident.document + 1}"
    facts = [
        ("Mã vụ việc / Incident", str(incident.id)),
        ("Loại / Kind", incident.kind.value),
        ("Nguồn / Source", incident.source.value),
        ("Quy tắc / Rules", ", ".join(incident.rules) or "–"),
        ("Gói nộp / Package", str(incident.package)),
        ("Văn bản / Document", where),
        ("Cơ quan nộp / Submitter", str(incident.agency)),
        ("Trạng thái / State", incident.state.value),
        ("Quyết định / Decision", "–" if incident.decision is None else incident.decision.value),
        ("Mở / Opened", _time(incident.opened_at)),
        ("Ẩn khắp nơi / Hidden everywhere", _time(incident.hidden_at)),
        ("Kết thúc / Closed", _time(incident.closed_at)),
    ]
    clocks = [
        (
            entry.running.kind,
            f"{entry.what.vi} / {entry.what.en}",
            entry.basis or "–",
            entry.running.due_on.isoformat(),
            _time(entry.running.met_at),
        )
        for entry in opened.clocks
    ]
    steps = [
        (
            str(step.number),
            step.kind,
            _time(step.at),
            "–" if step.by is None else (step.by.officer or str(step.by.client)),
            "; ".join(f"{name}: {value}" for name, value in sorted(step.facts.items()) if value not in (None, [])),
        )
        for step in opened.steps
    ]
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Báo cáo vụ việc</title></head><body>'
        "<h1>Báo cáo kết thúc vụ việc / Closing report</h1>"
        + _table(facts)
        + "<h2>Việc phải làm / What had to be done</h2>"
        + _table(clocks)
        + "<h2>Các bước / Steps</h2>"
        + _table(steps)
        + "</body></html>"
    )


def _table(rows: list[tuple[str, str]] | list[tuple[str, str, str, str, str]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table border="1">{body}</table>'


def _time(moment: datetime | None) -> str:
    return "–" if moment is None else moment.astimezone(VIETNAM).isoformat(timespec="seconds")
