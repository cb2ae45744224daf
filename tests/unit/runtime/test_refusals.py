"""Every refusal is whole: two languages, the same facts in both, and every place that raises one gives those facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from services.kernel.refusals import Refusal, Text, registered
from services.runtime.problems import Language, problem

SERVICES = Path(__file__).parents[3] / "services"
# What a fact may never be called, because of what it would then hold.
FORBIDDEN = re.compile(r"title|subject|name|path|value|text|token|key$|secret")
CODES = list(registered())


def facts_of(text: Text) -> tuple[set[str], set[str]]:
    vi, en = ({field for _, field, _, _ in Formatter().parse(said) if field is not None} for said in text)
    return vi, en


def needed(refusal: type[Refusal]) -> set[str]:
    return set().union(*facts_of(refusal.detail), *facts_of(refusal.fix))


@pytest.mark.parametrize("code", CODES)
def test_it_says_the_same_in_both_languages(code: str) -> None:
    refusal = registered()[code]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
    assert 400 <= refusal.status <= 599
    assert refusal.retryable or refusal.status not in {429, 503}
    for text in (refusal.title, refusal.detail, refusal.fix):
        assert text.vi.strip()
        assert text.en.strip()
        vi, en = facts_of(text)
        # a fact that is itself words comes as a pair: `reason_vi` beside `reason` or `reason_en`
        assert {fact.removesuffix("_vi") for fact in vi} == {fact.removesuffix("_en") for fact in en}
    assert facts_of(refusal.title) == (set(), set())
    assert not [fact for fact in needed(refusal) if FORBIDDEN.search(fact)]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_it_makes_a_problem_document(code: str, language: Language) -> None:
    refusal = registered()[code]
    facts: dict[str, Any] = dict.fromkeys(needed(refusal), 7)
    made = problem(refusal(**facts), language, "r")
    assert made["code"] == code
    assert "{" not in f"{made['detail']}{made['fix']}"


def raised() -> Iterator[tuple[str, type[Refusal], set[str]]]:
    """Every place in the services where a refusal is made, with the facts that it is given."""
    by_name = {refusal.__name__: refusal for refusal in registered().values()}
    for path in sorted(SERVICES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in by_name:
                names = {keyword.arg for keyword in node.keywords}
                if None not in names:  # `**facts` is the caller's own business
                    place = f"{path.relative_to(SERVICES)}:{node.lineno}"
                    yield place, by_name[node.func.id], {name for name in names if name is not None}


def test_every_place_that_refuses_gives_the_facts_its_texts_need() -> None:
    places = list(raised())
    assert len(places) > 20
    missing = {place: sorted(needed(refusal) - given) for place, refusal, given in places if needed(refusal) - given}
    assert missing == {}
