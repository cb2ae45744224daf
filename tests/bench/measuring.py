"""Figures that can be trusted a little: every way is measured in turn within one round, so that noise hits them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Way = Callable[[], float]
"""Does the work once; answers how much of it was done (MB, files)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One way's results, in units per second, in the order of the rounds."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ways of doing the same thing on the same store; the first is what the others are measured against."""

    title: str
    unit: str
    figures: tuple[Figure, ...]

    def ratio(self, figure: Figure) -> float:
        """How many times the first way's result, round by round; the median of these."""
        pairs = zip(figure.values, self.figures[0].values, strict=True)
        return statistics.median(own / first for own, first in pairs)

    def lines(self) -> list[str]:
        """As a table for people."""
        width = max(len(figure.name) for figure in self.figures)
        rows = [
            f"  {figure.name:<{width}}  {figure.median:>10,.1f}  {figure.low:>10,.1f} - {figure.high:<10,.1f}"
            f"  {self.ratio(figure):>6.2f} x"
            for figure in self.figures
        ]
        return [
            f"{self.title}, {self.unit}",
            f"  {'':<{width}}  {'median':>10}  {'least':>10} - {'most':<10}   ratio",
            *rows,
        ]

    def facts(self) -> Mapping[str, object]:
        """As JSON."""
        return {
            "title": self.title,
            "unit": self.unit,
            "ways": [
                {
                    "name": figure.name,
                    "median": round(figure.median, 2),
                    "values": [round(value, 2) for value in figure.values],
                    "ratio": round(self.ratio(figure), 3),
                }
                for figure in self.figures
            ],
        }


def compare(title: str, unit: str, ways: Mapping[str, Way], *, rounds: int) -> Comparison:
    """Measure each way once a round; the first round only warms up."""
    values: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            done = way()
            if number:
                values[name].append(done / (time.perf_counter() - started))
    return Comparison(title, unit, tuple(Figure(name, tuple(found)) for name, found in values.items()))


def table(comparisons: Sequence[Comparison]) -> str:
    """All of it, for people."""
    return "\n\n".join("\n".join(comparison.lines()) for comparison in comparisons)
