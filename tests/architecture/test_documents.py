"""What the documents say of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.ingest.domain.states import diagram

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
CODE = "\n".join(path.read_text("utf-8") for path in sorted(SERVICES.rglob("*.py")))
PROFILES = "\n".join(path.read_text("utf-8") for path in sorted(SERVICES.rglob("*.json")))


def test_the_state_diagram_is_drawn_from_the_table() -> None:
    assert diagram() in (SERVICES / "DESIGN.md").read_text("utf-8")


def glossary() -> list[tuple[str, bool]]:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ?(.*?) ?\|$", (SERVICES / "GLOSSARY.md").read_text("utf-8"), re.M)
    return [(name, "*later*" in row[2]) for row in rows[1:] for name in re.findall(r"`(\w+)`", row[1])]


@pytest.mark.parametrize(("name", "later"), glossary())
def test_glossary_identifiers_stand_in_the_code(name: str, later: bool) -> None:
    assert later or re.search(rf"\b{name}\b", CODE + PROFILES), name


def cited_decisions() -> list[str]:
    return sorted(set(re.findall(r"DECISION-(\d{4})", CODE)))


def test_every_cited_decision_exists() -> None:
    known = {path.name[:4] for path in (SERVICES / "decisions").glob("0*.md")}
    assert set(cited_decisions()) <= known


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w./-]+)`", (SERVICES / "THREATS.md").read_text("utf-8")))
    assert len(named) > 8
    for name in named:
        place = ROOT / name
        assert place.is_file() or list(place.glob("**/test_*.py")), name


def test_no_document_names_a_machine() -> None:
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.suffix not in {".md", ".py", ".toml", ".lock", ".json", ".yaml", ".yml", ".sh", ".cfg", ".ini"}:
            continue
        if parts[0] in {".venv", ".nopluu", "build", ".git"} or "node_modules" in parts:
            continue
        # Spelt in two pieces so that this file does not find itself.
        if re.search(r"(^|[^A-Za-z0-9_.])/(wo" r"rk|ro" r"ot|fa" r"rm)/", path.read_text("utf-8", errors="replace")):
            found.append(str(path.relative_to(ROOT)))
    assert found == []
