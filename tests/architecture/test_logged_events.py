"""The table "What is logged" in FORMATS against the code: every event that is appended, and every member it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.ingest.domain.states import Event, State, transition

ROOT = Path(__file__).parents[2]
SERVICES = ("auth", "ingest", "catalog")
# The kernel's own events: a service writes them, and `rebuild` must be able to derive them.
RECORDS = [ROOT / "services" / "kernel" / "sealing" / name for name in ("recovery.py", "act_book.py")]
# The two ways in which a package ends without a decision; their event is named after the state.
ENDED = {
    after.value for state in State for event in (Event.ABANDON, Event.EXPIRE) if (after := transition(state, event))
}
LOG_EVENT = {"at", "by", "row_sha256"}


def table() -> dict[str, set[str]]:
    """The table's events with the members that their row names."""
    text = (ROOT / "services" / "FORMATS.md").read_text("utf-8")
    section = text[text.index("**What is logged.**") : text.index("## 7. Log")]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    assert rows
    return {row[1].strip(" `"): set(re.findall(r"`([a-z0-9_]+)`", row[3])) for row in rows}


def in_code() -> dict[str, set[str]]:
    """What the code appends."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        for path in sorted((ROOT / "services" / service / "usecases").glob("*.py")):
            for name, members in _events(ast.parse(path.read_text("utf-8")), path):
                found.setdefault(name, set()).update(members)
    for path in RECORDS:
        for name, members in _events(ast.parse(path.read_text("utf-8")), path, appends=True):
            found.setdefault(name, set()).update(members)
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        for body in re.findall(r"""'(\{"[^']*'.*?"type":"[a-z_-]+"\})'""", path.read_text("utf-8"), re.DOTALL):
            (name,) = re.findall(r'"type":"([a-z_-]+)"', body)
            found[name] = set(re.findall(r'"([a-z_]+)":', body)) - {"type"}
    return found


def _events(tree: ast.Module, path: Path, *, appends: bool = False) -> Iterator[tuple[str, set[str]]]:
    appends |= any(isinstance(node, ast.Attribute) and node.attr == "journal" for node in ast.walk(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log_event":
            kind = node.args[0]
            assert isinstance(kind, ast.Constant), (
                f"{path.name}:{node.lineno}: an event's type is written where it is made"
            )
            ids = {keyword.arg for keyword in node.keywords if keyword.arg} - {"by", "at", "row"}
            yield str(kind.value), LOG_EVENT | ids
        if appends and isinstance(node, ast.Dict):
            pairs = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            members = {str(key) for key in pairs} - {"type"}
            match pairs.get("type"):
                case None:
                    continue
                case ast.Constant(value=str(name)):
                    yield name, members
                case ast.Attribute(value=ast.Name(id="after"), attr="value"):
                    yield from ((name, members) for name in ENDED)
                case _:
                    raise AssertionError(f"{path.name}:{node.lineno}: an event's type is written where it is made")


def test_every_event_in_the_code_is_in_the_table_and_no_other() -> None:
    assert set(in_code()) == set(table()), 'services/FORMATS.md §6 "What is logged" and the code differ'


def test_every_member_of_an_event_is_in_its_row() -> None:
    told = table()
    for name, members in in_code().items():
        assert members <= told[name], f"{name}: {members - told[name]} not in services/FORMATS.md §6"


def test_the_code_is_seen_at_all() -> None:
    assert {"sealed", "event_erased", "abandoned", "key-enrolled", "reading_granted"} <= set(in_code())
    assert in_code()["event_erased"] == {"at", "event"}
