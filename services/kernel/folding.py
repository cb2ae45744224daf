"""Comparing Vietnamese words as people mean them: without case, diacritics, punctuation or runs of blanks."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_NOT_ALPHANUMERIC = re.compile(r"[^0-9a-z]+")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """`Ngày  Ký ` and `NGAY KY` fold to `ngay ky`; đ counts as d."""
    decomposed = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _NOT_ALPHANUMERIC.sub(" ", plain).strip()
