"""The state folder is one supervisor's at a time and remembers across runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.onebox.state import FolderInUse, StateFolder


def test_a_folder_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(FolderInUse):
        StateFolder(tmp_path)
    first.close()
    StateFolder(tmp_path).close()


def test_what_is_remembered_is_there_in_the_next_run(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    first.remember({"name": "Nộp Lưu", "number": 7})
    first.close()
    second = StateFolder(tmp_path)
    assert (second.get("name"), second.get("number"), second.get("absent")) == ("Nộp Lưu", "7", None)
    second.close()


def test_another_programs_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "onebox.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="not written by this program"):
        StateFolder(tmp_path)
    (tmp_path / "onebox.json").unlink()
    StateFolder(tmp_path).close()  # the refused attempt gave its lock back
