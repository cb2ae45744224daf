"""Promise: a file with a mark of secrecy that is declared as none stops the push before anything leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.agency import looking
from services.agency.delivery import Delivery, Document, Dossier, Origin
from services.agency.looking import look_into
from services.agency.observing import Silent, Stage
from services.agency.sheets.paths import DiskFile
from services.agency.state import State

STAMPED = "ĐẢNG CỘNG SẢN VIỆT NAM\nTỐI MẬT".encode()
PLAIN = "Bảo mật và mật khẩu".encode()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state")
    yield opened
    opened.close()


def delivery(folder: Path, *contents: bytes, level: str = "none") -> Delivery:
    """One dossier of a document for each file."""
    folder.mkdir(exist_ok=True)
    origin = Origin("MLHS", 7, {"secrecy": "X"})
    documents = []
    for number, content in enumerate(contents):
        path = folder / f"van-ban-{number}.txt"
        path.write_bytes(content)
        documents.append(Document(number + 1, {}, {"level": level}, [DiskFile(path.name, path, len(content))], origin))
    dossier = Dossier("1", "party", "P012", "A47", {}, None, documents, origin)
    return Delivery(folder, folder, [dossier])


def codes(made: Delivery) -> list[str]:
    return [finding.code for finding in made.findings]


def test_a_stamp_is_an_error_at_its_row_and_says_page_and_remedy(tmp_path: Path) -> None:
    made = delivery(tmp_path / "d", PLAIN, b"trang mot\f" + STAMPED)
    look_into(made)
    [finding] = made.errors
    assert (finding.code, finding.place) == ("mark-of-secrecy", "MLHS!X7")
    assert "van-ban-1.txt" in finding.message.vi
    assert "trang 2" in finding.message.vi
    assert "TỐI MẬT" in finding.message.vi
    assert "--marks-reviewed" in finding.fix.vi
    assert "--marks-reviewed" in finding.fix.en


def test_who_has_seen_them_says_so_and_may_push(tmp_path: Path) -> None:
    made = delivery(tmp_path / "d", STAMPED)
    look_into(made, reviewed=True)
    assert made.errors == []
    assert codes(made) == ["mark-reviewed"]


def test_what_is_declared_as_secret_is_not_looked_into(tmp_path: Path) -> None:
    made = delivery(tmp_path / "d", STAMPED, level="mat")
    look_into(made)
    assert made.findings == []


def test_a_file_is_looked_into_once_as_long_as_it_stays(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = delivery(tmp_path / "d", STAMPED, PLAIN)
    look_into(made, state=state)
    with monkeypatch.context() as patched:
        patched.setattr(looking._Looker, "look", lambda self, path: pytest.fail("looked into again"))
        look_into(again := delivery(tmp_path / "d2"), state=state)
        assert again.findings == []
        again = Delivery(made.source, made.root, made.dossiers)
        look_into(again, state=state)
    assert codes(again) == ["mark-of-secrecy"]
    time.sleep(0.01)
    made.dossiers[0].documents[0].files[0].path.write_bytes(PLAIN)
    changed = Delivery(made.source, made.root, made.dossiers)
    look_into(changed, state=state)
    assert changed.findings == []


def test_what_cannot_be_read_or_takes_for_ever_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = delivery(tmp_path / "d", b"%PDF-1.7 rubbish", STAMPED)
    (tmp_path / "d" / "gone").mkdir()
    made.dossiers[0].documents[0].files.append(DiskFile("gone", tmp_path / "d" / "gone" / "no.txt", 5))
    look_into(made)
    assert codes(made) == ["file-not-looked-into", "file-not-looked-into", "mark-of-secrecy"]
    monkeypatch.setattr(looking, "SECONDS", 0.0)
    slow = delivery(tmp_path / "slow", STAMPED)
    look_into(slow)
    assert codes(slow) == ["file-not-looked-into"]
    assert slow.errors == []


def test_whoever_watches_hears_of_every_byte(tmp_path: Path) -> None:
    class Watching(Silent):
        told: list[tuple[str, int]]

        def stage(self, label: str, stage: Stage, total: int) -> None:
            self.told = [(stage, total)]

        def advance(self, label: str, stage: Stage, amount: int) -> None:
            self.told.append((stage, -amount))

    watching = Watching()
    look_into(delivery(tmp_path / "d", STAMPED, PLAIN), observer=watching)
    assert {stage for stage, _ in watching.told} == {"look"}
    assert sum(amount for _, amount in watching.told) == 0


def test_what_nobody_could_read_is_tried_again(tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    made = delivery(tmp_path / "d", STAMPED)
    with monkeypatch.context() as patched:
        patched.setattr(looking, "SECONDS", 0.0)  # a machine that is too busy
        look_into(made, state=state)
    assert codes(made) == ["file-not-looked-into"]
    again = Delivery(made.source, made.root, made.dossiers)
    look_into(again, state=state)
    assert codes(again) == ["mark-of-secrecy"]
