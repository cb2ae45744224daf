"""Lists that the gateway gives page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Shown(Protocol):
    """A signed GET: the answer at a path, as a JSON object."""

    def __call__(self, path: str, **query: str) -> dict[str, object]: ...


def entries(shown: Shown, path: str, member: str, **asked: str) -> Iterator[dict[str, object]]:
    """Every entry of a list, in its order; the next page is asked for when it is needed."""
    while True:
        page = shown(path, **asked)
        found = page.get(member)
        yield from found if isinstance(found, list) else []
        if not page.get("next"):
            return
        asked["after"] = str(page["next"])
