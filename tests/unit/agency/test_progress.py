"""Progress off a terminal is plain lines on stderr; stdout carries data only."""

from __future__ import annotations

import io
import json

import pytest

from services.agency.cli.language import choose
from services.agency.cli.progress import Lines, progress_on
from services.agency.cli.terminal import Terminal
from services.kernel.refusals.registry import Text


def _terminal(*, json_lines: bool = False) -> tuple[Terminal, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Terminal(language="en", json=json_lines, out=out, err=err), out, err


def test_there_is_no_bar_off_a_terminal() -> None:
    terminal, out, err = _terminal()
    with progress_on(terminal) as progress:
        assert isinstance(progress, Lines)
        progress.stage("d1", "hash", 100)
        progress.advance("d1", "hash", 100)
        progress.stage("d1", "receipt", 0)
        progress.say("waiting", Text("máy chủ bận, chờ 40 giây", "server busy, waiting 40 s"))
    assert out.getvalue() == ""
    assert "\r" not in err.getvalue()
    assert "\x1b" not in err.getvalue()
    assert [line.partition(" ")[0] for line in err.getvalue().splitlines()] == ["d1:", "d1:", "d1:", "server"]


def test_lines_of_one_stage_are_rare() -> None:
    terminal, _, err = _terminal()
    with progress_on(terminal) as progress:
        progress.stage("d1", "upload", 10_000)
        for _ in range(9_999):
            progress.advance("d1", "upload", 1)
    assert len(err.getvalue().splitlines()) == 1


def test_json_progress_names_its_type() -> None:
    terminal, out, err = _terminal(json_lines=True)
    with progress_on(terminal) as progress:
        progress.stage("hồ sơ", "upload", 7)
        progress.say("waiting", Text("chờ", "wait"))
    lines = [json.loads(line) for line in err.getvalue().splitlines()]
    assert [line["message_type"] for line in lines] == ["progress", "notice"]
    assert lines[0] == {"message_type": "progress", "label": "hồ sơ", "stage": "upload", "done": 0, "total": 7}
    assert lines[1]["code"] == "waiting"
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        (None, {"LANG": "vi_VN.UTF-8"}, "vi"),
        (None, {"LANG": "en_US.UTF-8", "LC_ALL": "vi_VN"}, "vi"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        ("vi", {"LANG": "en_US"}, "vi"),
        ("en", {"LANG": "vi_VN"}, "en"),
        (None, {"LANG": "vi_VN", "NOPLUU_LANG": "en"}, "en"),
    ],
)
def test_the_language_follows_the_request_and_then_the_locale(
    asked: str | None, environment: dict[str, str], language: str
) -> None:
    assert choose(asked, environment) == language


def test_a_code_page_without_vietnamese_never_stops_the_command() -> None:
    raw = io.BytesIO()
    terminal = Terminal(language="vi", out=io.TextIOWrapper(raw, encoding="ascii"), err=io.StringIO())
    terminal.data("x", "hồ sơ")
    assert b"h\\u1ed3 s\\u01a1" in raw.getvalue()


class _Screen(io.StringIO):
    """A terminal that can move its cursor."""

    def isatty(self) -> bool:
        return True


def test_data_stands_above_the_bars_and_finished_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = _Screen()
    terminal = Terminal(language="en", out=screen, err=screen)
    with progress_on(terminal) as progress:
        for label in ("d1", "d2"):
            progress.stage(label, "upload", 100)
            progress.advance(label, "upload", 100)
            progress.stage(label, "receipt", 0)
            progress.finished(label)
            terminal.data("dossier", f"{label}: deposited")
        progress.advance("d1", "upload", 1)  # a thread that comes late
    lines = [line for line in screen.getvalue().splitlines() if "deposited" in line]
    assert len(lines) == 2
    assert "? bytes" not in screen.getvalue()


def test_a_late_word_of_a_finished_dossier_is_no_line() -> None:
    terminal, _, err = _terminal()
    with progress_on(terminal) as progress:
        progress.stage("d1", "upload", 10)
        progress.finished("d1")
        progress.advance("d1", "upload", 10)
    assert len(err.getvalue().splitlines()) == 1
