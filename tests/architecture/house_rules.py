"""The house's own rules over the syntax tree, each with the fault it keeps out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple


class Breach(NamedTuple):
    rule: str
    line: int


Rule = Callable[[PurePosixPath, ast.AST], bool]
_PURE = ("kernel", "domain", "usecases")


def _is_pure(path: PurePosixPath) -> bool:
    return any(part in _PURE for part in path.parts)


def ambient_clock(path: PurePosixPath, node: ast.AST) -> bool:
    """A pure part asks the time itself: verdicts and terms could then not be repeated for another day."""
    return (
        _is_pure(path)
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today", "time", "monotonic"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"datetime", "date", "time"}
    )


def ambient_chance(path: PurePosixPath, node: ast.AST) -> bool:
    """A pure part makes its own randomness: vectors could not be golden."""
    return (
        _is_pure(path)
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in {("os", "urandom"), ("uuid", "uuid4"), ("secrets", "token_bytes")}
    )


def request_url(path: PurePosixPath, node: ast.AST) -> bool:
    """`request.url` is built from the Host header that the client chose: a signature over it proves nothing."""
    return (
        "object_store" not in path.parts  # there a request is one of ours to the store, built from our own settings
        and isinstance(node, ast.Attribute)
        and node.attr in {"url", "base_url"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"request", "req"}
    )


def star_import(path: PurePosixPath, node: ast.AST) -> bool:
    """A star import hides where a name comes from."""
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def nameless_module(path: PurePosixPath, node: ast.AST) -> bool:
    """A module whose name says nothing becomes the place for everything."""
    return isinstance(node, ast.Module) and path.stem in {"utils", "helpers", "common", "misc", "base", "manager"}


def no_module_docstring(path: PurePosixPath, node: ast.AST) -> bool:
    """A file that does not say what it is for."""
    return isinstance(node, ast.Module) and bool(node.body) and ast.get_docstring(node) is None


def unfinished(path: PurePosixPath, node: ast.AST) -> bool:
    """A stub is a defect wherever it is."""
    name = node.exc if isinstance(node, ast.Raise) else None
    if isinstance(name, ast.Call):
        name = name.func
    return isinstance(name, ast.Name) and name.id == "NotImplementedError"


RULES: tuple[Rule, ...] = (
    ambient_clock,
    ambient_chance,
    request_url,
    star_import,
    nameless_module,
    no_module_docstring,
    unfinished,
)


def breaches(path: PurePosixPath, source: str) -> Iterator[Breach]:
    """Every breach in one file's source."""
    for node in ast.walk(ast.parse(source)):
        for rule in RULES:
            if rule(path, node):
                yield Breach(rule.__name__, getattr(node, "lineno", 1))
