"""The part of `services/LEGAL.md` that says which rule rests on what, written from the baseline's rows and the table of
events.

Source: DESIGN 9; domain notes §3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from deploy.event_rules import EVENT_RULES
from services.kernel.rules import baseline_bundle, load_bundle
from services.kernel.rules.baseline import baseline_rows
from services.kernel.rules.model import Basis

_ANY_DAY: Final = date(2026, 1, 1)  # a bundle has a first day; its rows do not depend on it
REGISTER: Final = Path(__file__).parents[1] / "services" / "LEGAL.md"
MARK: Final = "<!-- From here on written by `python -m deploy.documents` from the baseline of rules. -->"


def register() -> str:
    """The whole file: what people wrote down to the mark, and the rules after it."""
    head, _, _ = REGISTER.read_text("utf-8").partition(MARK)
    return head + MARK + "\n" + "\n".join((*_lines(), *_events())) + "\n"


def _lines() -> Iterator[str]:
    rules = load_bundle(baseline_bundle(1, _ANY_DAY)).rules
    confirmed = sum(rule.confirmed for rule in rules)
    yield ""
    yield "## Rules on manifests and their basis"
    yield ""
    yield (
        f"{len(baseline_rows())} rows, {confirmed} of them confirmed against the text by a competent office; the others are listed by"
        " `nopluu rules lint --unconfirmed`. Effects: refuse > quarantine > withhold > conditional > admit; `!` must be reported."
    )
    yield ""
    yield "| Rule | Effect | Condition | Basis | Confirmed |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        effect = rule.effect.wire + ("!" if rule.report else "")
        basis = "; ".join(_basis(entry) for entry in rule.basis)
        note = f"no: {rule.note}" if rule.note else "no"
        yield f"| {rule.id} | {effect} | {rule.condition} | {basis} | {'yes' if rule.confirmed else note} |"


def _events() -> Iterator[str]:
    yield ""
    yield "## Rules on events and the place where each happens"
    yield ""
    yield (
        f"{len(EVENT_RULES)} rules, from `deploy/event_rules.py`; a test holds every place and every test against the code."
        " None is confirmed by a competent office."
    )
    yield ""
    yield "| Rule | Event | What follows | Basis | Place | Tests | Not done here |"
    yield "|---|---|---|---|---|---|---|"
    for rule in EVENT_RULES:
        places = "<br>".join(f"`{place}`" for place in rule.places)
        tests = "<br>".join(f"`{test}`" for test in rule.tests)
        gap = rule.gap or "–"
        yield f"| {rule.id} | {rule.condition} | {rule.effect} | {rule.basis} | {places} | {tests} | {gap} |"


def _basis(entry: Basis) -> str:
    since = "" if entry.since is None else f"{entry.since:%d/%m/%Y}"
    until = "" if entry.until is None else f"{entry.until:%d/%m/%Y}"
    return f"{entry.text}, {entry.article}" + (f" ({since}–{until})" if since or until else "")
