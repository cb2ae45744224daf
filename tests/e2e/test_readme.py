"""The README's first push works as printed: its commands and its Python, from the checkout, against the real gateway."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.stack import Clerk

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    """The one fenced block of this language with these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    [found] = [text for text in blocks if containing in text]
    return str(found)


def environment(clerk: Clerk) -> dict[str, str]:
    return {**os.environ, "NOPLUU_CONFIG": str(clerk.config), "PYTHONPATH": str(ROOT)}


def test_the_commands_of_the_first_push_run_as_printed(clerk: Clerk) -> None:
    # The state folder and the environment's place differ here from a newcomer's; nothing else is changed.
    printed = block("sh", "nopluu push").replace(".nopluu/agency/config.toml", str(clerk.config))
    script = "set -e\n" + printed.replace(".venv/bin", str(Path(sys.executable).parent))
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment(clerk), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4/4" in done.stdout or "4 of 4" in done.stdout
    assert "thu thập, chỉnh lý" in done.stdout


def test_the_python_of_the_first_push_runs_as_printed(clerk: Clerk) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("python", "push_folder")],
        cwd=ROOT,
        env=environment(clerk),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert " sealed " in done.stdout
    assert "Chỉnh lý tài liệu tồn đọng" in done.stdout
