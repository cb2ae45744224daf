"""`make run` as a process: however it is ended, nothing of it is left, and the next run takes up what is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs
import pytest

from tests.support.components import took_part
from tests.support.stack import eventually


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """One state folder for this file's runs, whatever their order."""
    folder = Path(tempfile.mkdtemp(prefix="nopluu-run-"))
    took_part("make run", "as a process, ended in every way")
    yield folder
    shutil.rmtree(folder)


@contextmanager
def begun(state: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run of its own, which does not outlive the test."""
    with (state / "run.out").open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "deploy.onebox", "--state", str(state), *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            cwd=Path(__file__).parents[2],
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def reaches(state: Path, running: subprocess.Popen[bytes], words: str) -> None:
    """Wait until the run says these words."""
    eventually(lambda: words in told(state) or running.poll() is not None, seconds=90)
    assert running.poll() is None, told(state)


def told(state: Path) -> str:
    return (state / "run.out").read_text("utf-8")


def left_over(state: Path) -> list[str]:
    """Processes that have the state folder in their command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(state) in word for word in words):
            found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
    return found


@pytest.mark.parametrize("during", ["PostgreSQL", "services:", "Ctrl-C"])
def test_a_signal_at_any_time_ends_everything_in_order(state: Path, during: str) -> None:
    with begun(state) as running:
        reaches(state, running, during)
        running.send_signal(signal.SIGTERM)
        code = running.wait(60)
    assert left_over(state) == []
    assert "Traceback" not in told(state)
    assert code == (0 if during == "Ctrl-C" else 130), told(state)


def test_an_impatient_second_signal_leaves_nothing_either(state: Path) -> None:
    with begun(state) as running:
        reaches(state, running, "search")
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        running.wait(60)
    assert left_over(state) == []


def test_a_killed_run_is_taken_up_and_its_packages_stand(state: Path) -> None:
    with begun(state) as running:
        reaches(state, running, "Ctrl-C")
        running.kill()
    with begun(state, "--once") as again:
        assert again.wait(110) == 0, told(state)
    result = json.loads(told(state).splitlines()[-1])
    assert (result["ok"], result["packages"], result["components"]) == (True, 5, 20)
    assert "5 đã có / known" in told(state)
    assert left_over(state) == []


def test_a_second_supervisor_of_the_folder_is_refused(state: Path) -> None:
    with begun(state) as running:
        reaches(state, running, "PostgreSQL")
        second = subprocess.run(
            [sys.executable, "-m", "deploy.onebox", "--state", str(state), "--once"],
            capture_output=True,
            cwd=Path(__file__).parents[2],
            check=False,
        )
        running.terminate()
        running.wait(60)
    assert second.returncode == 1
    assert json.loads(second.stdout.splitlines()[-1])["ok"] is False
    assert b"another make run uses this folder" in second.stderr
    assert left_over(state) == []
