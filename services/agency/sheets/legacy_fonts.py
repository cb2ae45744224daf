"""Recognising text typed for the fonts of the 1990s, TCVN3 (ABC) and VNI, that Unicode shows as `B¸o c¸o`.

Both used ordinary Latin-1 code points for Vietnamese letters, so nothing in the file says so: the text must be
recognised by what no Vietnamese word contains. What it probably says is offered to the clerk, never put in place of it.

Source: TCVN 5712:1993 (VN3); VNI Windows table; domain notes §1.6.
"""

from __future__ import annotations

import re
from typing import Final

_TCVN3: Final = dict(
    zip(
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢§£¤¥¦",
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂĐÊÔƠƯ",
        strict=True,
    )
)
_VNI_MARKS: Final = dict(zip("ùøûõïáàåãäéèúüë", range(15), strict=True))
_VNI: Final = {
    base: dict(zip("ùøûõïáàåãäéèúüë", targets, strict=True))
    for base, targets in {
        "a": "áàảãạấầẩẫậắằẳẵặ",
        "e": "éèẻẽẹếềểễệ?????",
        "o": "óòỏõọốồổỗộ?????",
        "u": "úùủũụ??????????",
        "y": "ýỳỷỹỵ??????????",
        "ô": "ớờởỡợ??????????",
        "ö": "ứừửữự??????????",
    }.items()
}
_VNI_CIRCUMFLEX: Final = {"aâ": "â", "eâ": "ê", "oâ": "ô", "aê": "ă"}
_VNI_SINGLE: Final = {"ñ": "đ", "ô": "ơ", "ö": "ư", "æ": "ỉ", "ò": "ị", "ó": "ĩ", "î": "ỵ"}

# Signs that stand inside a word in TCVN3 and never in Vietnamese or its usual neighbours.
_TCVN3_SIGN: Final = re.compile(r"[µ¸¶·¹¨»¾¼½©®ª«¬\u00ad÷×§¤¦¥¡¢£]")
_WORD_WITH_TCVN3: Final = re.compile(r"[A-Za-zÀ-ÿ][µ¸¶·¹¨»¾¼½©®ª«¬\u00ad÷×]|[µ¸¶·¹¨»¾¼½©®ª«¬\u00ad÷×§¤¦¥¡¢][A-Za-zÀ-ÿ]")
_VNI_PAIR: Final = re.compile(r"[aeouyôö][ùøûïåäëü]|[aeo]â[^a-z]|aê|ñ[aeiouôö]|[oö][öô]", re.IGNORECASE)
_BEYOND_LATIN1: Final = re.compile(r"[\u0102\u0103\u0110\u0111\u01a0-\u01b0\u1ea0-\u1ef9]")


def recognise(text: str) -> tuple[str, str] | None:
    """The encoding's name and what the text probably says, or None for ordinary text.

    A single foreign letter (Citroën, 5 µm) is ordinary; so is any text with a letter only Unicode has.
    """
    if text.isascii() or _BEYOND_LATIN1.search(text):
        return None
    if len(_TCVN3_SIGN.findall(text)) >= 2 and _WORD_WITH_TCVN3.search(text):
        return "TCVN3 (ABC)", "".join(_TCVN3.get(letter, letter) for letter in text)
    if len(_VNI_PAIR.findall(text)) >= 2:
        return "VNI", _from_vni(text)
    return None


def _from_vni(text: str) -> str:
    read: list[str] = []
    at = 0
    while at < len(text):
        letter, pair = text[at], text[at : at + 2]
        lower = pair.lower()
        if lower in _VNI_CIRCUMFLEX:
            found, step = _VNI_CIRCUMFLEX[lower], 2
        elif len(lower) == 2 and lower[1] in _VNI_MARKS and _VNI.get(lower[0], {}).get(lower[1], "?") != "?":
            found, step = _VNI[lower[0]][lower[1]], 2
        else:
            found, step = _VNI_SINGLE.get(letter.lower(), letter.lower()), 1
        read.append(found.upper() if letter.isupper() else found)
        at += step
    return "".join(read)
