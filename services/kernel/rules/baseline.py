"""The baseline: every rule on manifests that the law is known to demand, ready to be signed and published.

The rows are data beside this file; officers change them by publishing a bundle of their own. `confirmed` is false until
a competent office has confirmed a row against the text.

Source: domain notes §3, rules 1-20, 22, 25, 31; DESIGN 9.
"""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

from services.kernel.rules.model import bundle_payload


def baseline_rows() -> list[dict[str, object]]:
    """The rows as they stand on the wire."""
    rows: list[dict[str, object]] = json.loads((files(__package__) / "baseline.json").read_text("utf-8"))
    return rows


def baseline_bundle(version: int, effective_from: date) -> bytes:
    """The canonical payload of the baseline as that version, in force from that day."""
    return bundle_payload(version, effective_from, baseline_rows())
