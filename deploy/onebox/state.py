"""The state folder of one machine: where everything lies, and what has to be remembered between runs.

`onebox.json` holds the ports, the log's name and the ids that the registrar gave. One supervisor at a time: the folder
is locked while one runs, and the lock goes with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.onebox.files import write_private

_FORMAT: Final = "nopluu/onebox1"


class FolderInUse(Exception):
    """Another supervisor runs on this folder."""


class StateFolder:
    """One folder; opening it takes the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderInUse(str(self.path)) from error
        try:
            self._remembered: dict[str, str | int] = self._read()
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)

    def folder(self, name: str) -> Path:
        """A subfolder, made if needed, for this user only."""
        place = self.path / name
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def get(self, name: str) -> str | None:
        """A remembered word."""
        value = self._remembered.get(name)
        return None if value is None else str(value)

    def names(self, prefix: str) -> list[str]:
        """The remembered names that begin so, without the beginning."""
        return [name.removeprefix(prefix) for name in self._remembered if name.startswith(prefix)]

    def remember(self, values: Mapping[str, str | int]) -> None:
        """Write down words for the next run."""
        self._remembered |= values
        content = {"format": _FORMAT, **dict(sorted(self._remembered.items()))}
        write_private(self.path / "onebox.json", json.dumps(content, ensure_ascii=False, indent=1).encode())

    def port(self, name: str) -> int:
        """The port of a listener: the one of the last run where it is still free, else one that is free now."""
        known = self.get(f"port-{name}")
        if known is not None and _free(int(known)):
            return int(known)
        found = free_port()
        self.remember({f"port-{name}": found})
        return found

    def _read(self) -> dict[str, str | int]:
        try:
            value = json.loads((self.path / "onebox.json").read_bytes())
        except FileNotFoundError:
            return {}
        if not isinstance(value, dict) or value.pop("format", None) != _FORMAT:
            raise ValueError(f"{self.path / 'onebox.json'} was not written by this program")
        return value


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
