"""Run as a file: become the given command, but never outlive the process that started it (Linux).

    python child.py PARENT-PID COMMAND ARGUMENT…

The kernel sends SIGTERM when the thread that started this one ends, however it ends. Elsewhere than on Linux the next
run's `Children.reap` does that work.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, make sure that the parent still lives, become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
