"""Whatever ends the supervisor, no child is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types, and the environment locks no stubs
import pytest

from deploy.onebox.processes import ChildFailed, Children, Command

SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
)


def command(name: str, program: str) -> Command:
    return Command(name, (sys.executable, "-c", program), {"PATH": os.environ["PATH"]})


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)


def children(folder: Path) -> Children:
    return Children(folder / "logs", folder / "children.json", grace=2.0)


def up(child_log: Path) -> bool:
    return child_log.exists() and "up" in child_log.read_text()


def test_children_end_stage_by_stage(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    noting = (
        "import signal, sys, time\n"
        f"def end(*_):\n    open({str(ended)!r}, 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    group = children(tmp_path)
    for stage, name in enumerate(("database", "service")):
        one = Command(name, (sys.executable, "-c", noting, name), {"PATH": os.environ["PATH"]}, stage=stage)
        child = group.start(one)
        eventually(lambda log=child.log: up(log))  # type: ignore[misc]  # a default argument binds the loop's value
    assert group.stop() == []
    assert ended.read_text().split() == ["service", "database"]


def test_a_child_that_will_not_end_is_killed_when_there_is_hurry(tmp_path: Path) -> None:
    group = children(tmp_path)
    child = group.start(command("stubborn", STUBBORN))
    eventually(lambda: up(child.log))
    assert group.stop(hurry=lambda: True) == ["stubborn"]
    assert not psutil.pid_exists(child.pid)


def test_a_child_that_ends_early_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    group = children(tmp_path)
    child = group.start(command("broken", "import sys; sys.exit('no such database')"))
    with pytest.raises(ChildFailed, match="broken: ended with exit code 1") as failed:
        group.wait_until(child, lambda: "not yet", seconds=15)
    assert "no such database" in failed.value.tail
    group.stop()


def test_a_killed_supervisor_leaves_nothing_running(tmp_path: Path) -> None:
    """On Linux the kernel ends the children; in any case the next run does."""
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.faults.test_supervision import STUBBORN, children, command\n"
        f"children(Path({str(tmp_path)!r})).start(command('left', STUBBORN))\ntime.sleep(600)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    record = tmp_path / "children.json"
    eventually(lambda: up(tmp_path / "logs" / "left.log"))
    [entry] = json.loads(record.read_bytes())
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    assert children(tmp_path).reap() in (["left"], [])
    eventually(lambda: not psutil.pid_exists(entry["pid"]))
    assert children(tmp_path).reap() == []


def test_another_process_that_got_the_number_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    record = [{"name": "old", "pid": bystander.pid, "started": time.time() - 86400, "grace": None}]
    (tmp_path / "children.json").write_text(json.dumps(record))
    try:
        assert children(tmp_path).reap() == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
