"""Vietnamese or English, by what the user's system says.

Source: usability notes B2.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from typing import Final, Literal

from services.kernel.refusals.registry import Text

Language = Literal["vi", "en"]
_VARIABLES: Final = ("NOPLUU_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def choose(asked: str | None, environment: Mapping[str, str] = os.environ) -> Language:
    """The language asked for, else that of the first set variable, else the system's; English where in doubt."""
    if asked:
        return "vi" if asked.lower().startswith("vi") else "en"
    for name in _VARIABLES:
        if value := environment.get(name):
            return "vi" if value.lower().startswith("vi") else "en"
    return "vi" if (locale.getlocale()[0] or "").lower().startswith("vi") else "en"


def pick(text: Text, language: Language) -> str:
    """The sentence in one language."""
    return text.vi if language == "vi" else text.en
