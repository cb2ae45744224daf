"""A socket that others could reach or replace is never opened: behind it `Client-Cert` is believed."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from services.runtime.unix_sockets import SocketExposed, open_private


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run" / "nopluu"
    made.mkdir(parents=True)
    made.parent.chmod(0o755)
    made.chmod(0o750)
    return made


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2750, 0o710])
@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_owner_and_group_reach_it_and_nobody_else_whatever_the_umask(folder: Path, mode: int, umask: int) -> None:
    folder.chmod(mode)
    before = os.umask(umask)
    try:
        open_private(folder / "s", 1).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o660


@pytest.mark.parametrize("mode", [0o755, 0o751, 0o754, 0o770, 0o752, 0o777, 0o1777])
def test_a_folder_that_lets_others_in_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(SocketExposed, match=f"mode {mode:o}"):
        open_private(folder / "s", 1)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("mode", "fine"), [(0o775, False), (0o757, False), (0o1777, True), (0o711, True)])
def test_a_folder_above_that_others_could_change_is_refused(folder: Path, mode: int, fine: bool) -> None:
    folder.parent.chmod(mode)
    if fine:
        open_private(folder / "s", 1).close()
    else:
        with pytest.raises(SocketExposed, match="swap"):
            open_private(folder / "s", 1)


def test_a_link_leads_to_where_it_leads(folder: Path, tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    link = folder / "link"
    link.symlink_to(open_folder)
    with pytest.raises(SocketExposed):
        open_private(link / "s", 1)


def test_another_users_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, real = folder.resolve(), Path.stat

    def stranger(path: Path, **options: bool) -> os.stat_result:
        found = real(path, **options)
        return os.stat_result((*found[:4], 4242 + os.geteuid(), *found[5:])) if path == place else found

    monkeypatch.setattr(Path, "stat", stranger)
    with pytest.raises(SocketExposed, match="another user"):
        open_private(folder / "s", 1)


def test_what_stands_in_its_place_and_is_no_socket_is_left_alone(folder: Path) -> None:
    (folder / "s").write_text("mine")
    (folder / "t").symlink_to(folder / "nowhere")
    for name in ("s", "t"):
        with pytest.raises(SocketExposed, match="no socket"):
            open_private(folder / name, 1)
    assert (folder / "s").read_text() == "mine"


def test_one_that_a_killed_process_left_behind_is_replaced(folder: Path) -> None:
    open_private(folder / "s", 1).close()
    with open_private(folder / "s", 1), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "s"))


def test_a_folder_that_is_not_there_is_said_so(folder: Path) -> None:
    with pytest.raises(SocketExposed, match="not there"):
        open_private(folder / "none" / "s", 1)
