"""The state only saves work, and survives being killed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from services.agency.delivery import Document, Dossier, Origin
from services.agency.manifests import declare
from services.agency.sheets.paths import DiskFile
from services.agency.state import Pushed, State


@pytest.fixture
def file(tmp_path: Path) -> DiskFile:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    return DiskFile("a.pdf", path, 4)


def _dossier(file: DiskFile) -> Dossier:
    origin = Origin("MLHS", 5, {"path": "AQ", "subject": "AA"})
    document = Document(1, {"subject": "x"}, {"level": "none"}, [file], origin)
    return Dossier("d", "party", "P012", "H47", {"title": "t"}, None, [document], origin)


def test_digests_are_remembered_until_size_or_time_differ(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    path = Path("/x/a.pdf")
    state.keep_digest(path, 3, 1, b"d" * 32)
    state.close()
    again = State(tmp_path / "state")
    assert again.digest_of(path, 3, 1) == b"d" * 32
    assert again.digest_of(path, 4, 1) is None
    assert again.digest_of(path, 3, 2) is None
    again.close()


def test_the_same_dossier_has_the_same_manifest_and_is_hashed_once(tmp_path: Path, file: DiskFile) -> None:
    state = State(tmp_path / "state")
    told: list[int] = []
    first = declare(_dossier(file), submitter="H47", state=state, advance=told.append)
    second = declare(_dossier(file), submitter="H47", state=state, advance=told.append)
    assert first.manifest == second.manifest
    assert first.digest == second.digest
    assert told == [4, 4]
    file.path.write_bytes(b"%PDX")
    third = declare(_dossier(file), submitter="H47", state=state, advance=told.append)
    state.close()
    assert third.digest != first.digest


def test_packages_and_receipts_are_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    state = State(folder)
    pushed = Pushed("m" * 64, "p", "hồ sơ 1", "muc-luc.xlsx", "receiving")
    state.keep_package(pushed)
    state.keep_package(Pushed("m" * 64, "p", "hồ sơ 1", "muc-luc.xlsx", "sealed"))
    receipt = state.keep_receipt("p", b"{}")
    state.close()
    again = State(folder)
    assert [entry.state for entry in again.packages()] == ["sealed"]
    again.close()
    assert receipt == folder / "receipts" / "p.json"
    assert receipt.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_threads_and_a_second_process_share_one_state(tmp_path: Path) -> None:
    one, two = State(tmp_path), State(tmp_path)

    def keep(state: State, start: int) -> None:
        for number in range(start, start + 50):
            state.keep_digest(Path(str(number)), 1, 1, b"d" * 32)

    threads = [threading.Thread(target=keep, args=(state, 50 * at)) for at, state in enumerate((one, two, one, two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one.digest_of(Path(str(number)), 1, 1) for number in range(200))
    one.close()
    two.close()
