"""A problem of a delivery, with the place a clerk can go to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.agency.sheets.texts import KINDS, Severity
from services.agency.sheets.workbook import Cell
from services.kernel.refusals.registry import Text

# Errors of the delivery as it lies on the disk that `push` itself resolves, by sending a stub.
_RESOLVED_BY_STUB: Final = frozenset({"secrecy-unexpired", "secrecy-stub-only"})
_ORDER: Final[Mapping[str, int]] = {"error": 0, "warning": 1, "info": 2}
_SHOWN: Final = 200  # characters of a value


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `row` is Excel's number, None for what concerns the whole sheet; `column` is a letter."""

    sheet: str
    row: int | None
    column: str | None
    code: str
    severity: Severity
    value: str
    message: Text
    fix: Text
    rules: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """`MLHS!X7`; without a row `MLHS!X`."""
        return f"{self.sheet}!{self.column or ''}{self.row or ''}".rstrip("!")

    @property
    def blocks(self) -> bool:
        """Whether a push is refused because of it."""
        return self.severity == "error" and self.code not in _RESOLVED_BY_STUB

    def as_json(self) -> dict[str, object]:
        """The finding as one object of `--json`."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "cell": self.place,
            "code": self.code,
            "severity": self.severity,
            "value": self.value,
            "message": {"vi": self.message.vi, "en": self.message.en},
            "fix": {"vi": self.fix.vi, "en": self.fix.en},
            "rules": list(self.rules),
        }


@dataclass(slots=True)
class Findings:
    """What has been found so far, in the order of finding."""

    items: list[Finding] = field(default_factory=list)

    def at(self, cell: Cell, code: str, /, *, rules: tuple[str, ...] = (), **facts: str | int) -> None:
        """Report `code` at a cell; `value` is the cell's own unless given."""
        facts.setdefault("value", shown(cell.value))
        self.place(cell.sheet, cell.row or None, cell.column, code, rules=rules, **facts)

    def place(
        self,
        sheet: str,
        row: int | None,
        column: str | None,
        code: str,
        /,
        *,
        rules: tuple[str, ...] = (),
        **facts: str | int,
    ) -> None:
        """Report `code` at a place that need not be a cell."""
        kind = KINDS[code]
        self.items.append(
            Finding(
                sheet,
                row,
                column,
                code,
                kind.severity,
                str(facts.get("value", "")),
                kind.message.filled(facts),
                kind.fix.filled(facts),
                rules,
            )
        )

    def sorted(self) -> list[Finding]:
        """By place; what concerns a whole sheet last."""
        return sorted(
            self.items, key=lambda item: (item.sheet, item.row is None, item.row or 0, _position(item.column))
        )


def shown(value: object) -> str:
    """A value as a person reads it, cut to a length that fits a report."""
    text = value.strftime("%d/%m/%Y") if hasattr(value, "strftime") else "" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def by_code(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Grouped by code: errors first, then the most frequent."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return sorted(groups.items(), key=lambda group: (_ORDER[group[1][0].severity], -len(group[1]), group[0]))


def _position(column: str | None) -> tuple[int, str]:
    return (len(column), column) if column else (0, "")
