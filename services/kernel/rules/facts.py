"""The facts a rule's CEL expression may speak of: their names, their types, and how each is computed.

Whatever needs a calendar is computed here, so that an expression only compares. A day stands as midnight UTC. A day
that is not known is absent: `doc.has_…` says whether it is there, and an expression that reads an absent one ends in an
evaluation error, which quarantines and reports.

Source: DESIGN 9; domain notes §3; Law 29/2018/QH14 art. 19-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from typing import Final

from services.kernel.rules.situations import Situation
from services.kernel.secrecy import BASE_TERM_YEARS, Level, Secrecy, anniversary

Value = bool | int | str | datetime


class FactType(Enum):
    """CEL's types, as far as facts have them."""

    BOOL = "bool"
    INT = "int"
    STRING = "string"
    DAY = "timestamp"


_B, _I, _S, _D = FactType.BOOL, FactType.INT, FactType.STRING, FactType.DAY

VARIABLES: Final[Mapping[str, FactType]] = {
    "env.today": _D,
    "env.deployment": _S,  # open, independent-lan
    "env.state_cipher": _B,  # a cipher approved by the state (cơ yếu) protects the deployment
    "agency.ceiling": _S,  # none, mat, toi_mat: how secret a record the sender may hand in over the independent LAN
    "dossier.profile": _S,  # party, tt02, tt05
    "dossier.highest_level": _S,  # of its documents and its dossier; unknown where one is unknown
    "dossier.level": _S,  # empty where the dossier has no label of its own
    "dossier.protected": _B,
    "dossier.stub": _B,
    "dossier.revealing": _B,  # its title, or anything else that says what it is about, is there
    "dossier.access_mode": _S,  # 01 public, 02 conditional, 03 secret, or empty
    "doc.level": _S,  # none, mat, toi_mat, tuyet_mat, unknown
    "doc.protected": _B,  # neither ended nor declassified; what cannot be computed counts as protected
    "doc.term_ended": _B,  # the term and every valid extension are known to have ended
    "doc.declassified": _B,  # a decision of a named authority, dated today or earlier
    "doc.stub": _B,
    "doc.revealing": _B,  # its subject, or anything else that says what it is about, is there
    "doc.beyond_stub": _B,  # metadata beyond what a stub may say: ordinal, dates, place of the paper
    "doc.components": _I,
    "doc.access_mode": _S,
    "doc.has_issued_on": _B,
    "doc.issued_on": _D,
    "doc.has_classified_on": _B,
    "doc.classified_on": _D,
    "doc.has_relevant_on": _B,
    "doc.relevant_on": _D,  # the classification day, or else the day of issue (letter 1479)
    "doc.has_expires_on": _B,
    "doc.expires_on": _D,  # as stated
    "doc.has_base_until": _B,
    "doc.base_until": _D,  # the last day of the level's base term
    "doc.has_protected_until": _B,
    "doc.protected_until": _D,  # with every valid extension
    "doc.ended_by_issue": _B,  # would have ended if the term counted from the day of issue
    "doc.ended_by_classification": _B,  # would have ended if it counted from the classification day
    "doc.extensions": _I,
    "doc.extension_too_long": _B,  # one is longer than a base term
    "doc.extension_late": _B,  # one was decided after the term had ended
    "doc.declassification_stated": _B,
    "doc.has_declassified_on": _B,
    "doc.declassified_on": _D,
    "doc.declassified_by": _S,
    "doc.declassified_as": _S,  # originator, superior, successor, archives_administration
    "doc.list_item": _S,
    "doc.permission_number": _S,
    "doc.has_permission_on": _B,
    "doc.permission_on": _D,
    "doc.permission_by": _S,
    "doc.permission_rank": _S,
    "doc.copies_allowed": _I,
    "doc.copies_made": _I,
    "doc.copying_forbidden": _B,
    "doc.register_entry": _S,
    "doc.capture_network": _S,  # none, independent_lan, internal, internet, or empty
    "doc.has_paper_location": _B,
}


def facts_of(situation: Situation) -> dict[str, Value]:
    """Every fact of one document; a day that is not known is absent."""
    circumstances, package, secrecy = situation.circumstances, situation.package, situation.secrecy
    today = circumstances.today
    dossier = package.dossier
    until = secrecy.protected_until()
    facts: dict[str, Value] = {
        "env.today": _moment(today),
        "env.deployment": circumstances.deployment.value,
        "env.state_cipher": circumstances.state_cipher,
        "agency.ceiling": circumstances.ceiling.wire,
        "dossier.profile": package.profile,
        "dossier.highest_level": _word(package.highest),
        "dossier.level": "" if dossier is None else _word(dossier.level),
        "dossier.protected": dossier is not None and dossier.protected_on(today),
        "dossier.stub": dossier is not None and dossier.stub,
        "dossier.revealing": package.dossier_revealing,
        "dossier.access_mode": package.dossier_access_mode,
        "doc.level": _word(secrecy.level),
        "doc.protected": secrecy.protected_on(today),
        "doc.term_ended": until is not None and until < today,
        "doc.declassified": bool(secrecy.declassified_by)
        and secrecy.declassified_on is not None
        and secrecy.declassified_on <= today,
        "doc.stub": secrecy.stub,
        "doc.revealing": situation.revealing,
        "doc.beyond_stub": situation.beyond_stub,
        "doc.components": situation.components,
        "doc.access_mode": situation.access_mode,
        "doc.ended_by_issue": _ended_from(secrecy, secrecy.issued_on, today),
        "doc.ended_by_classification": _ended_from(secrecy, secrecy.classified_on, today),
        "doc.extensions": len(secrecy.extensions),
        "doc.declassification_stated": secrecy.declassified_on is not None or bool(secrecy.declassified_by),
        "doc.declassified_by": secrecy.declassified_by,
        "doc.declassified_as": secrecy.declassified_as,
        "doc.list_item": secrecy.list_item,
        "doc.permission_number": secrecy.permission,
        "doc.permission_by": secrecy.permission_by,
        "doc.permission_rank": secrecy.permission_rank,
        "doc.copies_allowed": secrecy.copies_allowed,
        "doc.copies_made": secrecy.copies_made,
        "doc.copying_forbidden": secrecy.copying_forbidden,
        "doc.register_entry": secrecy.register_entry,
        "doc.capture_network": secrecy.capture_network,
        "doc.has_paper_location": bool(secrecy.paper_location),
    }
    facts["doc.extension_too_long"], facts["doc.extension_late"] = _extension_faults(secrecy)
    days = {
        "issued_on": secrecy.issued_on,
        "classified_on": secrecy.classified_on,
        "relevant_on": secrecy.relevant_date,
        "expires_on": secrecy.expires_on,
        "base_until": _base_until(secrecy),
        "protected_until": until,
        "declassified_on": secrecy.declassified_on,
        "permission_on": secrecy.permission_on,
    }
    for name, day in days.items():
        facts[f"doc.has_{name}"] = day is not None
        if day is not None:
            facts[f"doc.{name}"] = _moment(day)
    return facts


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _word(level: Level | None) -> str:
    return "unknown" if level is None else level.wire


def _base_until(secrecy: Secrecy) -> date | None:
    years = BASE_TERM_YEARS.get(secrecy.level) if secrecy.level is not None else None
    start = secrecy.relevant_date
    return None if years is None or start is None else anniversary(start, years)


def _ended_from(secrecy: Secrecy, start: date | None, today: date) -> bool:
    """Whether protection would have ended before today if the term counted from `start`."""
    if start is None:
        return False
    until = replace(secrecy, classified_on=start, issued_on=None).protected_until()
    return until is not None and until < today


def _extension_faults(secrecy: Secrecy) -> tuple[bool, bool]:
    """Whether one extension is longer than a base term, and whether one was decided after the term had ended."""
    years = BASE_TERM_YEARS.get(secrecy.level) if secrecy.level is not None else None
    end = secrecy.expires_on or _base_until(secrecy)
    if years is None or end is None:
        return False, False
    too_long = late = False
    for extension in sorted(secrecy.extensions, key=lambda entry: (entry.decided_on, entry.until)):
        if extension.decided_on > end:
            late = True
            continue
        too_long = too_long or extension.until > anniversary(end, years)
        end = max(end, extension.until)
    return too_long, late
