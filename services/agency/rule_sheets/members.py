"""Taking members out of a JSON object by path, and putting them back."""

from __future__ import annotations

from collections.abc import Sequence


def found(value: object, path: Sequence[str]) -> tuple[bool, object]:
    """Whether the path leads to a member, and that member."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def without(value: dict[str, object], path: Sequence[str]) -> None:
    """Take a member out; an object that holds nothing else goes with it."""
    name, *rest = path
    if rest:
        inner = value[name]
        if not isinstance(inner, dict):
            raise TypeError("not an object")
        without(inner, rest)
        if inner:
            return
    del value[name]


def put(value: dict[str, object], path: Sequence[str], member: object) -> bool:
    """Put a member where the path leads, with the objects on its way; False where something else stands there."""
    name, *rest = path
    if not rest:
        if name in value:
            return False
        value[name] = member
        return True
    inner = value.setdefault(name, {})
    return isinstance(inner, dict) and put(inner, rest, member)
