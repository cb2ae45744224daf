"""A rule, a bundle of rules, and what they say of a document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from services.kernel.canonical import canonical
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import Effect

FORMAT = "nopluu/rules1"
PAYLOAD_TYPE = "application/vnd.nopluu.rules1+json"  # of the DSSE envelope a bundle is signed in


@dataclass(frozen=True, slots=True)
class Basis:
    """Where a rule stands in law: the text, its article, and the days the text is in force; None where it is open."""

    text: str
    article: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `confirmed` tells whether a competent office has confirmed the row against the text; `note` says what
    is open. Examples are situations as `situations.example` reads them."""

    id: str
    basis: tuple[Basis, ...]
    condition: str
    cel: str
    effect: Effect
    report: bool
    message: Text
    confirmed: bool
    note: str
    positive: tuple[Mapping[str, object], ...]
    negative: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Rules of one version, in force from a day on. `payload` is the canonical form that was signed."""

    version: int
    effective_from: date
    rules: tuple[Rule, ...]
    payload: bytes

    @property
    def sha256(self) -> bytes:
        """The digest that verdicts and seal events name the bundle by."""
        return hashlib.sha256(self.payload).digest()


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """The verdict on document `index` of a manifest. `rules` and `messages` stand strongest effect first.

    `relevant_date` is the record's own day from which its term was counted.
    """

    index: int
    effect: Effect
    report: bool
    rules: tuple[str, ...]
    relevant_date: date | None
    messages: tuple[Text, ...]


def bundle_payload(version: int, effective_from: date, rows: list[dict[str, object]]) -> bytes:
    """The canonical form of a bundle of rows as they stand on the wire."""
    return canonical({"format": FORMAT, "version": version, "effective_from": effective_from.isoformat(), "rows": rows})
