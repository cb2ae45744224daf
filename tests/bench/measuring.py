"""Figures that can be trusted a little: every way is measured in turn within one round, so that noise hits them alike.

Beside the time, processor seconds are counted, here and in the store: they hold where other work slows everything down.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs


@dataclass(frozen=True, slots=True)
class Timed:
    """How much was done (MB, files), and in how many seconds where not the whole call counts."""

    amount: float
    seconds: float | None = None


Way = Callable[[], Timed]
"""Does the work once."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One way's results, in units per second, in the order of the rounds.

    `processors` are processor seconds for a thousand units, by process; `here` is this one.
    """

    name: str
    values: tuple[float, ...]
    processors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

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
        processes = list(self.figures[0].processors)
        heads = "".join(f"{f'CPU {process}':>12}" for process in processes)
        rows = [
            f"  {figure.name:<{width}}  {figure.median:>9,.1f}  {figure.low:>9,.1f} - {figure.high:<9,.1f}"
            f"  {self.ratio(figure):>6.2f} x"
            + "".join(f"{_middle(figure.processors.get(process, ())):>12}" for process in processes)
            for figure in self.figures
        ]
        return [
            f"{self.title}, {self.unit}",
            f"  {'':<{width}}  {'median':>9}  {'least':>9} - {'most':<9}   ratio {heads}",
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
                    "processor_seconds": {
                        process: [round(value, 3) for value in values] for process, values in figure.processors.items()
                    },
                }
                for figure in self.figures
            ],
        }


def compare(title: str, unit: str, ways: Mapping[str, Way], *, rounds: int, others: Mapping[str, int]) -> Comparison:
    """Measure each way once a round; the first round only warms up. `others` name processes that share the work."""
    values: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in ways}
    processes = [psutil.Process(pid) for pid in others.values()]
    for number in range(rounds + 1):
        for name, way in ways.items():
            before, started = _processor_seconds(processes), time.perf_counter()
            done = way()
            taken, after = time.perf_counter() - started, _processor_seconds(processes)
            used = [1000 * (end - start) / done.amount for end, start in zip(after, before, strict=True)]
            if number and done.seconds is None:
                values[name].append((done.amount / taken, used))
            elif number:
                values[name].append((done.amount / (done.seconds or taken), []))
    return Comparison(title, unit, tuple(_figure(name, found, ["here", *others]) for name, found in values.items()))


def _figure(name: str, found: Sequence[tuple[float, list[float]]], processes: Sequence[str]) -> Figure:
    used = zip(*(seconds for _, seconds in found), strict=True)
    return Figure(name, tuple(value for value, _ in found), dict(zip(processes, used, strict=False)))


def _processor_seconds(processes: Sequence[psutil.Process]) -> list[float]:
    others = (process.cpu_times() for process in processes)
    return [time.process_time(), *(float(times.user + times.system) for times in others)]


def _middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}" if values else ""


def table(comparisons: Sequence[Comparison]) -> str:
    """All of it, for people."""
    return "\n\n".join("\n".join(comparison.lines()) for comparison in comparisons)
