"""Processes of their own that read what strangers sent: what breaks or fills one of them ends there.

They start with none of this service's settings, and what they would say of an error, which could quote what they read,
goes nowhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress


async def started(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """A module as a process with pipes for what it reads and answers; give it to `ended` at last."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("NOPLUU_")},
    )


async def ended(child: asyncio.subprocess.Process) -> None:
    """End the process and wait for it, also where the caller is being cancelled."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())
