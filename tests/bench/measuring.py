"""Figures that can be trusted a little: every way is measured in turn within one round, so that noise hits them alike.

Beside the time, processor seconds are counted, here and in the store: they hold where other work slows everything down.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs

Way = Callable[[], float]
"""Does the work once; answers how much of it was done (MB, files)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One way's results, in units per second, in the order of the rounds."""

    name: str
    values: tuple[float, ...]
    here: tuple[float, ...] = ()
    """Processor seconds of this process for a thousand units."""

    store: tuple[float, ...] = ()
    """Those of the store."""

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
            f"  {figure.name:<{width}}  {figure.median:>9,.1f}  {figure.low:>9,.1f} - {figure.high:<9,.1f}"
            f"  {self.ratio(figure):>6.2f} x  {_middle(figure.here):>8}  {_middle(figure.store):>8}"
            for figure in self.figures
        ]
        return [
            f"{self.title}, {self.unit}",
            f"  {'':<{width}}  {'median':>9}  {'least':>9} - {'most':<9}   ratio    CPU here  of store",
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
                    "processor_seconds_here": [round(value, 3) for value in figure.here],
                    "processor_seconds_store": [round(value, 3) for value in figure.store],
                }
                for figure in self.figures
            ],
        }


def compare(title: str, unit: str, ways: Mapping[str, Way], *, rounds: int, store: int) -> Comparison:
    """Measure each way once a round; the first round only warms up. `store` is the store's process id."""
    values: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    process = psutil.Process(store)
    for number in range(rounds + 1):
        for name, way in ways.items():
            before = time.perf_counter(), time.process_time(), _processor_seconds(process)
            done = way()
            after = time.perf_counter(), time.process_time(), _processor_seconds(process)
            taken, here, there = (end - start for end, start in zip(after, before, strict=True))
            if number:
                values[name].append((done / taken, 1000 * here / done, 1000 * there / done))
    figures = (Figure(name, *(tuple(column) for column in zip(*found, strict=True))) for name, found in values.items())
    return Comparison(title, unit, tuple(figures))


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}" if values else ""


def table(comparisons: Sequence[Comparison]) -> str:
    """All of it, for people."""
    return "\n\n".join("\n".join(comparison.lines()) for comparison in comparisons)
