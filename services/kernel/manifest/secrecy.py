"""The secrecy object of a document or a dossier.

    {"level": "mat", "issued_on": "2020-03-04", "classified_on": …, "expires_on": …, "list_item": "…", "stub": true,
     "extensions": [{"decided_on": …, "until": …}], "declassified": {"on": …, "authority": "…", "relation": "originator"},
     "permission": {"number": "…", "date": …, "authority": "…", "rank": "…", "copies": 2},
     "register_entry": "…", "copies_made": 1, "copying_forbidden": false, "capture_network": "none",
     "paper_location": "…"}

Dates are ISO. A level that is none of the four words, or none at all, is kept as None: the rules refuse it, by name.
Every other member that cannot be read is a finding, and so is one the format does not have: a misspelt date would
otherwise be a date unsaid.

Source: FORMATS "Manifest"; domain notes §3 rules 1, 7-12, 17-20, 25.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from services.kernel.manifest.findings import Findings
from services.kernel.manifest.reading import Members
from services.kernel.secrecy import LEVELS, Extension, Level, Secrecy

RELATIONS: Final = frozenset({"originator", "superior", "successor", "archives_administration"})
NETWORKS: Final = frozenset({"none", "independent_lan", "internal", "internet"})
_MEMBERS: Final = frozenset(
    {
        "level",
        "issued_on",
        "classified_on",
        "expires_on",
        "extensions",
        "declassified",
        "list_item",
        "permission",
        "copying_forbidden",
        "register_entry",
        "capture_network",
        "copies_made",
        "stub",
        "paper_location",
    }
)
_OF_EXTENSION: Final = frozenset({"decided_on", "until", "number", "authority"})
_OF_DECLASSIFICATION: Final = frozenset({"on", "authority", "relation", "number"})
_OF_PERMISSION: Final = frozenset({"number", "date", "authority", "rank", "copies"})
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS: Final = range(1800, 2200)
_LONGEST: Final = 200  # characters of a number, a name of an authority, a code
_PLACE: Final = 500  # characters of a paper location
_MOST_EXTENSIONS: Final = 20
_MOST_COPIES: Final = 1_000_000
_PLAIN: Final = Secrecy(level=Level.NONE)


def read_secrecy(value: Mapping[str, object], pointer: str, findings: Findings) -> Secrecy:
    """The secrecy that an object states; what could not be read is reported and left out."""
    if len(value) == 1 and value.get("level") == "none":
        return _PLAIN
    members = Members(value, pointer, findings)
    members.only(_MEMBERS)
    level = value.get("level")
    if level is not None and not isinstance(level, str):
        members.fault("level", "text-expected")
    decision = members.inner("declassified")
    declassified = decision or Members({}, pointer, findings)
    declassified.only(_OF_DECLASSIFICATION)
    permission = members.inner("permission") or Members({}, pointer, findings)
    permission.only(_OF_PERMISSION)
    return Secrecy(
        level=LEVELS.get(level) if isinstance(level, str) else None,
        issued_on=_day(members, "issued_on"),
        classified_on=_day(members, "classified_on"),
        expires_on=_day(members, "expires_on"),
        extensions=_extensions(members, findings),
        declassified_on=_day(declassified, "on", required=decision is not None),
        declassified_by=declassified.text("authority", limit=_LONGEST, required=decision is not None),
        declassified_as=_word(declassified, "relation", RELATIONS),
        list_item=members.text("list_item", limit=_LONGEST),
        permission=permission.text("number", limit=_LONGEST),
        permission_on=_day(permission, "date"),
        permission_by=permission.text("authority", limit=_LONGEST),
        permission_rank=permission.text("rank", limit=_LONGEST),
        copying_forbidden=members.flag("copying_forbidden"),
        register_entry=members.text("register_entry", limit=_LONGEST),
        capture_network=_word(members, "capture_network", NETWORKS),
        copies_allowed=permission.number("copies", most=_MOST_COPIES),
        copies_made=members.number("copies_made", most=_MOST_COPIES),
        stub=members.flag("stub"),
        paper_location=members.text("paper_location", limit=_PLACE),
    )


def iso_day(text: str) -> date | None:
    """A day as yyyy-mm-dd between 1800 and 2199; None where it is not one."""
    if not _ISO.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def _day(members: Members, name: str, *, required: bool = False) -> date | None:
    value = members.raw(name)
    if value is None:
        if required:
            members.fault(name, "required-missing")
        return None
    day = iso_day(value) if isinstance(value, str) else None
    if day is None:
        members.fault(name, "iso-date-invalid")
    return day


def _word(members: Members, name: str, words: frozenset[str]) -> str:
    word = members.text(name, limit=_LONGEST)
    if word and word not in words:
        members.fault(name, "code-unknown")
        return ""
    return word


def _extensions(members: Members, findings: Findings) -> tuple[Extension, ...]:
    value = members.raw("extensions")
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_EXTENSIONS:
        members.fault("extensions", "list-expected")
        return ()
    found: list[Extension] = []
    for at, entry in enumerate(value):
        pointer = f"{members.pointer}/extensions/{at}"
        if not isinstance(entry, dict):
            findings.error(pointer, "object-expected")
            continue
        inner = Members(entry, pointer, findings)
        inner.only(_OF_EXTENSION)
        decided, until = _day(inner, "decided_on", required=True), _day(inner, "until", required=True)
        if decided is not None and until is not None:
            found.append(Extension(decided, until))
    return tuple(found)
