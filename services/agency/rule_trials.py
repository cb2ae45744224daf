"""Running the examples of a bundle on two independent CEL engines.

The second engine is not part of the tool: it serves the people who make rules. Where it is absent that is said.

Source: security notes §6 (cel-expr-python is young: test both engines against each other).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, cast

from services.kernel.rules.compiling import CompiledBundle
from services.kernel.rules.facts import Value, facts_of
from services.kernel.rules.situations import example

SECOND: Final = "common-expression-language"
Judge = Callable[[Mapping[str, Value]], bool | None]


@dataclass(frozen=True, slots=True)
class Trial:
    """One example: `wanted` by the author, `first` and `second` as the engines say; None where one could not tell.

    `second` is the same as `first` where there is no second engine.
    """

    rule: str
    kind: str
    index: int
    wanted: bool
    first: bool | None
    second: bool | None

    @property
    def passed(self) -> bool:
        return self.first is self.wanted and self.second is self.wanted


def second_engine() -> Callable[[str], Judge] | None:
    """What compiles an expression for the second engine; None where it is not installed."""
    try:
        engine = importlib.import_module("cel")
    except ImportError:
        return None
    compile_ = cast("Callable[[str], _Program]", engine.compile)

    def compiled(expression: str) -> Judge:
        program = compile_(expression)

        def judge(facts: Mapping[str, Value]) -> bool | None:
            try:
                value = program.execute(_nested(facts))
            except (ValueError, RuntimeError, TypeError, KeyError):
                return None
            return value if isinstance(value, bool) else None

        return judge

    return compiled


def trials(compiled: CompiledBundle, second: Callable[[str], Judge] | None) -> Iterator[Trial]:
    """Every example of every rule, in order."""
    for rule in compiled.bundle.rules:
        other = second(rule.cel) if second is not None else None
        for kind, wanted, examples in (("positive", True, rule.positive), ("negative", False, rule.negative)):
            for at, value in enumerate(examples):
                situation = example(value)
                first = next(matched for entry, matched in compiled.each(situation) if entry.id == rule.id)
                yield Trial(rule.id, kind, at, wanted, first, first if other is None else other(facts_of(situation)))


def _nested(facts: Mapping[str, Value]) -> dict[str, dict[str, Value]]:
    """The second engine knows no dotted names: `doc.level` is a member of `doc` there."""
    nested: dict[str, dict[str, Value]] = {}
    for name, value in facts.items():
        space, _, last = name.partition(".")
        nested.setdefault(space, {})[last] = value
    return nested


class _Program(Protocol):
    def execute(self, facts: Mapping[str, Mapping[str, Value]]) -> object: ...
