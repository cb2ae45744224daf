"""The code lists of the profiles, as data beside the layouts.

Source: domain notes §1.4, §1.5; lists that differ between sources are data and marked for confirmation.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from services.agency.sheets import __name__ as sheets_package
from services.agency.sheets.folding import fold
from services.agency.sheets.vocabulary import CodeList, Vocabulary


@cache
def vocabulary(profile: str) -> Vocabulary:
    """The code lists of a profile; one without lists of its own has an empty vocabulary."""
    place = files(sheets_package) / f"{profile}-lists.json"
    if not place.is_file():
        return Vocabulary()
    raw = json.loads(place.read_text("utf-8"))
    return Vocabulary(
        {
            (belongs, wire): CodeList({fold(label): label for label in labels}, tuple(labels))
            for belongs in ("dossier", "document")
            for wire, labels in raw.get(belongs, {}).items()
        }
    )
