"""When two spellings of an officer's name are one person. Whoever counts officers counts them by this.

Source: DESIGN 6 ("author and approver are never the same person"), 9.
"""

from __future__ import annotations

import unicodedata
from typing import Final, Protocol

from services.kernel.identifiers import ClientId

_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")  # huyền, sắc, ngã, hỏi, nặng


class Acting(Protocol):
    """Who takes a step: the client, and the name of whoever sits before it, where one is known."""

    @property
    def client(self) -> ClientId: ...

    @property
    def officer(self) -> str | None: ...


def same_person(one: Acting, other: Acting) -> bool:
    """Whether two steps are by one client whoever sits before it, or by one person at two clients."""
    if one.client == other.client:
        return True
    return one.officer is not None and other.officer is not None and person(one.officer) == person(other.officer)


def person(name: str) -> str:
    """The name without case, runs of blanks, what cannot be seen, and Unicode's several forms; `Hoà` is `Hòa`.

    Diacritics count: An and Ân are two names. Two people of one name must be told apart in the name itself.
    """
    seen = "".join(character for character in name if unicodedata.category(character) != "Cf")
    return " ".join(_word(word) for word in unicodedata.normalize("NFKC", seen).casefold().split())


def _word(word: str) -> str:
    """A word with its tone at the end, wherever in the word it was written."""
    characters = unicodedata.normalize("NFD", word)
    tones = [character for character in characters if character in _TONES]
    return "".join([character for character in characters if character not in _TONES] + tones)
