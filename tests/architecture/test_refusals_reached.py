"""Every refusal of the register is met by a test, is raised somewhere, and gets every fact that its text places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from services.kernel.refusals import Refusal, registered

ROOT = Path(__file__).parents[2]
PLACED_BY_RAISER = {"retry_after", "pointers"}


def _trees(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def _words(folder: str) -> set[str]:
    """Names and whole string constants of the folder's code, and the string members of its JSON vectors."""
    found: set[str] = set()
    for path, tree in _trees(folder):
        if path == Path(__file__):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update({node.value, *node.value.split()})
    for path in (ROOT / folder).rglob("*.json"):
        found.update(re.findall(r'"code": ?"([a-z0-9-]+)"', path.read_text("utf-8")))
    return found


def _placed(refusal: type[Refusal]) -> set[str]:
    """The facts that its sentences place."""
    texts = (*refusal.title, *refusal.detail, *refusal.fix)
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def test_every_code_is_met_by_a_test() -> None:
    words = _words("tests")
    missed = [code for code, refusal in registered().items() if not {code, refusal.__name__} & words]
    assert missed == [], "no test produces these refusals"


@cache
def _calls() -> dict[str, list[tuple[str, set[str] | None]]]:
    """Where each refusal is made: the place, and the names of its facts; None where they come from a mapping."""
    classes = {refusal.__name__ for refusal in registered().values()}
    found: dict[str, list[tuple[str, set[str] | None]]] = {}
    for path, tree in _trees("services"):
        called: set[int] = set()
        for node in ast.walk(tree):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
                called.add(id(node.func))
                names = {keyword.arg for keyword in node.keywords}
                told = None if None in names else {name for name in names if name}
                found.setdefault(node.func.id, []).append((where, told))
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in classes:
                found.setdefault(node.exc.id, []).append((where, set()))
    return found


@pytest.mark.parametrize("refusal", registered().values(), ids=lambda refusal: refusal.code)
def test_its_facts_are_given_wherever_it_is_raised(refusal: type[Refusal]) -> None:
    placed = _placed(refusal)
    for where, told in _calls().get(refusal.__name__, []):
        assert told is None or placed <= told, f"{where}: {sorted(placed - told)} is never filled in {refusal.code}"
        assert told is None or told - PLACED_BY_RAISER <= placed, f"{where}: {refusal.code} says nothing of a fact"
