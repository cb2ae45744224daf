"""What a profile says of the metadata of a dossier and of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.kernel.folding import fold


class FieldKind(StrEnum):
    """How a field's value stands in the manifest.

    `TEXT` a string · `NUMBER` a whole number of zero or more, or its digits as a string · `DATE` dd/mm/yyyy · `CODE` one
    entry of the field's list · `CODES` one or several, in a list or separated by commas · `FLAG` true or false.
    """

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CODE = "code"
    CODES = "codes"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds where the field `wire` has one of the `values`."""

    wire: str
    values: frozenset[str]

    def holds(self, metadata: Mapping[str, object]) -> bool:
        return as_text(metadata.get(self.wire)) in self.values


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `length` counts characters, of a number digits; `codes` maps each code to its label.

    `reveals`: what a protected document is about could be read from it. `in_stub`: a stub may carry it. `pattern`
    is matched against the folded text. `doubtful` says why a value of this row must be confirmed, or is empty.
    """

    name: str
    wire: str
    label: str
    kind: FieldKind
    length: int | None
    required: bool
    required_if: Condition | None
    required_unless: Condition | None
    codes: Mapping[str, str]
    pattern: str | None
    reveals: bool
    in_stub: bool
    doubtful: str

    def demanded(self, metadata: Mapping[str, object]) -> bool:
        """Whether the field must be filled beside this metadata."""
        if self.required_if is not None:
            return self.required_if.holds(metadata)
        if self.required_unless is not None:
            return not self.required_unless.holds(metadata)
        return self.required


@dataclass(frozen=True, slots=True)
class Part:
    """The fields of a dossier, or of a document."""

    fields: tuple[Field, ...]
    by_wire: Mapping[str, Field]
    by_name: Mapping[str, Field]

    def wire(self, name: str) -> str | None:
        """The wire name of a field that the code calls `name`; None where the profile has no such field."""
        field = self.by_name.get(name)
        return None if field is None else field.wire

    def value(self, metadata: Mapping[str, object], name: str) -> object:
        """What the metadata hold under that field; None for nothing."""
        wire = self.wire(name)
        return None if wire is None else metadata.get(wire)

    def reveals(self, metadata: Mapping[str, object]) -> bool:
        """Whether the metadata say what the record is about: by such a field, or by one that the profile lacks."""
        return any(
            filled(value) and ((field := self.by_wire.get(wire)) is None or field.reveals)
            for wire, value in metadata.items()
        )

    def exceeds_stub(self, metadata: Mapping[str, object]) -> bool:
        """Whether the metadata say more than a stub may: anything but a field that is marked for stubs."""
        return any(
            filled(value) and ((field := self.by_wire.get(wire)) is None or not field.in_stub)
            for wire, value in metadata.items()
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `access_modes` maps what people write for an access mode, folded, to its TT05 code."""

    id: str
    source: str
    dossier: Part
    document: Part
    access_modes: Mapping[str, str]

    def access_mode(self, part: Part, metadata: Mapping[str, object]) -> str:
        """The TT05 code of a record's access mode, however it is written; empty for none, or for other words."""
        written = as_text(part.value(metadata, "access_mode"))
        return self.access_modes.get(fold(written), "") if written else ""


def filled(value: object) -> bool:
    """Whether a member says anything: null, blanks and empty containers do not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value != {}


def as_text(value: object) -> str:
    """A scalar as its text on the wire; anything else is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""
