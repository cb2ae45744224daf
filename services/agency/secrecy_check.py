"""Judging secrecy on the agency's own machine, before anything leaves it.

In an open deployment what is still protected may only be declared as a stub: ordinal, level, dates, place of the paper;
no subject, no file. The stub is made here, so neither the subject nor the bytes are ever sent.

Source: DESIGN 9; letter 1479/BCA-ANCTNB; domain notes §3 rules 2-4, 13, 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from services.agency.delivery import Delivery, Document
from services.agency.sheets.findings import Findings, shown
from services.kernel.secrecy import DeploymentProfile, Extension, Level, Secrecy

_KEPT: Final = (
    "level",
    "classified_on",
    "issued_on",
    "expires_on",
    "extensions",
    "list_item",
    "register_entry",
    "paper_location",
)
_NAMES: Final[Mapping[Level, str]] = {Level.MAT: "Mật", Level.TOI_MAT: "Tối mật", Level.TUYET_MAT: "Tuyệt mật"}


def withhold_secrets(delivery: Delivery, *, deployment: DeploymentProfile, today: date) -> int:
    """Turn every document that an open deployment may not receive into a stub, and tell; returns how many.

    An expired level is told too: the document goes, its level stays as history. Top secret is never digitised,
    whatever its date, so it is always a stub.
    """
    findings = Findings(list(delivery.findings))
    stubs = 0
    for dossier in delivery.dossiers:
        for at, document in enumerate(dossier.documents):
            secrecy = _read(document.secrecy)
            if secrecy is None or secrecy.level in (None, Level.NONE) or document.secrecy.get("stub") is True:
                continue
            level = secrecy.level or Level.NONE
            until = secrecy.protected_until()
            if level is not Level.TUYET_MAT and not secrecy.protected_on(today):
                _tell(findings, document, level, until, "ok-secrecy-expired")
            elif deployment is DeploymentProfile.OPEN:
                _tell(findings, document, level, until, "secrecy-unexpired")
                dossier.documents[at] = stub_of(document)
                stubs += 1
    delivery.findings = findings.sorted()
    return stubs


def stub_of(document: Document) -> Document:
    """What may be said of a protected document; its place in the sheet is kept for messages."""
    secrecy = {name: document.secrecy[name] for name in _KEPT if name in document.secrecy}
    return Document(document.ordinal, {}, secrecy | {"stub": True}, [], document.origin)


def _tell(findings: Findings, document: Document, level: Level, until: date | None, code: str) -> None:
    origin = document.origin
    name, end = _NAMES[level], shown(until) or "?"
    findings.place(origin.sheet, origin.row, origin.column("secrecy"), code, level=name, until=end, value=name)


def _read(secrecy: Mapping[str, object]) -> Secrecy | None:
    """The kernel's view of the manifest's object, as far as dates go; None where it says nothing of a level.

    A date that cannot be read is unknown, and an unknown expiry counts as unexpired.
    """
    try:
        level = Level.from_wire(str(secrecy.get("level", "")))
    except ValueError:
        return None
    extensions = secrecy.get("extensions")
    declassified = secrecy.get("declassified")
    decision = declassified if isinstance(declassified, Mapping) else {}
    return Secrecy(
        level=level,
        issued_on=_day(secrecy.get("issued_on")),
        classified_on=_day(secrecy.get("classified_on")),
        expires_on=_day(secrecy.get("expires_on")),
        extensions=tuple(
            Extension(decided, until)
            for entry in (extensions if isinstance(extensions, list) else [])
            if isinstance(entry, Mapping)
            and (decided := _day(entry.get("decided_on"))) is not None
            and (until := _day(entry.get("until"))) is not None
        ),
        declassified_on=_day(decision.get("on")),
        declassified_by=str(decision.get("authority", "")),
    )


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
