"""The one registry of refusals: every way in which the gateway says no, each with one stable code.

A refusal is raised anywhere in the kernel or a use case and rendered once, at the edge, as RFC 9457
`application/problem+json`. It never carries a title, a subject or a file name: facts are counts, codes, dates and
identifiers, so that a refusal may be logged and shown to an operator (DESIGN promise 7 and rule 30).

Source: DESIGN 5 "Refusals".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple


class Text(NamedTuple):
    """One sentence in both languages; `{name}` places a fact."""

    vi: str
    en: str

    def filled(self, facts: Mapping[str, str | int]) -> Text:
        return Text(self.vi.format_map(facts), self.en.format_map(facts))


@dataclass(frozen=True, slots=True)
class Pointer:
    """One place in the client's input that must be mended: an RFC 6901 JSON pointer, a finding code and its text."""

    pointer: str
    code: str
    detail: Text


class Refusal(Exception):
    """A request that is refused, with everything a person or a program needs in order to mend it.

    Subclasses fix `code`, `status` (the HTTP status this cause is rendered with), `title`, `detail`, `fix` and
    whether the very same request may succeed later (`retryable`). `facts` fill the placeholders of `detail` and `fix`.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[Text]
    detail: ClassVar[Text]
    fix: ClassVar[Text]
    retryable: ClassVar[bool] = False

    def __init__(self, *, pointers: Iterable[Pointer] = (), retry_after: int | None = None, **facts: str | int) -> None:
        super().__init__(self.code)
        self.pointers = tuple(pointers)
        self.retry_after = retry_after  # seconds
        self.facts: Mapping[str, str | int] = MappingProxyType(facts)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return
        if cls.code in _REGISTRY:
            raise TypeError(f"refusal code {cls.code!r} is declared twice")
        _REGISTRY[cls.code] = cls


_REGISTRY: dict[str, type[Refusal]] = {}


def registered() -> Mapping[str, type[Refusal]]:
    """Every refusal by its code, in the order of the codes."""
    return MappingProxyType(dict(sorted(_REGISTRY.items())))
