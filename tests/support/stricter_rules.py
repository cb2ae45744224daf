"""Rules that say more than the baseline."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from services.kernel.canonical import canonical
from services.kernel.rules.baseline import baseline_bundle

SINCE: Final = date(2020, 7, 1)


def stricter(version: int, **changes: Any) -> bytes:
    """The baseline and one more row: any document that is not a stub is refused and reported."""
    value = json.loads(baseline_bundle(version, SINCE))
    value["rows"].append(
        {
            "id": "90",
            "basis": [{"text": "Thử", "article": "1"}],
            "condition": "Mọi tài liệu có tệp.",
            "cel": "doc.components > 0",
            "effect": "refuse",
            "report": True,
            "message": {"vi": "Không nhận.", "en": "Not taken."},
            "confirmed": False,
            "examples": {
                "positive": [{"today": "2026-01-01", "secrecy": {"level": "none"}}],
                "negative": [{"today": "2026-01-01", "secrecy": {"level": "none"}, "components": 0}],
            },
        }
        | changes
    )
    return canonical(value)
