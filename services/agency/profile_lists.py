"""The code lists and lengths of the profiles, as the reader of spreadsheets asks for them.

They are the gateway's own data, so `check` on the agency's machine finds what the gateway would find.

Source: DESIGN 5.1; domain notes §1.4, §1.5.
"""

from __future__ import annotations

from functools import cache

from services.agency.sheets.vocabulary import CodeList, Vocabulary
from services.kernel.folding import fold
from services.kernel.profiles import Field, profile


@cache
def vocabulary(name: str) -> Vocabulary:
    """The code lists and greatest lengths of a profile.

    Raises:
        KeyError: there is no such profile.
    """
    chosen = profile(name)
    fields = [
        ((belongs, field.wire), field)
        for belongs, part in (("dossier", chosen.dossier), ("document", chosen.document))
        for field in part.fields
    ]
    return Vocabulary(
        lists={place: _code_list(field) for place, field in fields if field.codes},
        lengths={place: field.length for place, field in fields if field.length is not None and not field.codes},
    )


def _code_list(field: Field) -> CodeList:
    """Labels and codes both lead to the code; people choose among labels, or codes where a label is not known."""
    wire = {fold(label): code for code, label in field.codes.items() if label}
    return CodeList(
        wire | {fold(code): code for code in field.codes},
        tuple(label or code for code, label in field.codes.items()),
    )
