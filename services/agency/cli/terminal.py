"""Where the command writes: data to stdout, everything about progress and errors to stderr.

With `--json` both are JSON lines, each with a `message_type`. Colour and bars only on a terminal, and never with
NO_COLOR; whatever the system's code page cannot show is escaped instead of failing.

Source: usability notes B2, B4.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TextIO

from rich.console import Console

from services.agency.cli.language import Language, choose, pick
from services.agency.errors import AgencyError
from services.kernel.refusals.registry import Text

SEPARATORS: Final = (",", ":")


@dataclass(slots=True)
class Terminal:
    """Both streams, the language, and whether programs are reading.

    While bars are drawn, `above` prints a line over them; without it a line to a terminal would run into a bar.
    """

    language: Language = field(default_factory=lambda: choose(None))
    json: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    above: Callable[[str], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for stream in (self.out, self.err):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    @property
    def interactive(self) -> bool:
        """Whether a bar may be drawn: stderr is a terminal that moves its cursor."""
        return not self.json and self.err.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def tables(self) -> bool:
        """Whether stdout is a terminal wide enough for tables."""
        return not self.json and self.out.isatty()

    def console(self, stream: TextIO) -> Console:
        """A rich console on one of the streams; it obeys NO_COLOR by itself."""
        return Console(file=stream, highlight=False, soft_wrap=False)

    def pick(self, text: Text) -> str:
        """The sentence in the user's language."""
        return pick(text, self.language)

    def words(self, vi: str, en: str) -> str:
        """One of two words."""
        return vi if self.language == "vi" else en

    def data(self, message_type: str, line: str, **members: object) -> None:
        """One line of data: `line` for people, the members for programs."""
        self._write(self.out, self._line(message_type, members) if self.json else line)

    def note(self, message_type: str, line: str, **members: object) -> None:
        """One line about what is going on."""
        self._write(self.err, self._line(message_type, members) if self.json else line)

    def failed(self, error: AgencyError) -> None:
        """An error: what, what to do, and the number to quote to the operators."""
        lines = [f"{self.words('Lỗi', 'Error')}: {self.pick(error.text)} [{error.code}]"]
        if error.fix is not None:
            lines.append(f"  → {self.pick(error.fix)}")
        if error.request_id:
            lines.append(f"  {self.words('mã yêu cầu', 'request id')}: {error.request_id}")
        members = error_members(error) | {"exit_code": int(error.exit)}
        self._write(self.err, self._line("exit_error", members) if self.json else "\n".join(lines))

    def _line(self, message_type: str, members: dict[str, object]) -> str:
        return json.dumps({"message_type": message_type, **members}, ensure_ascii=False, separators=SEPARATORS)

    def _write(self, stream: TextIO, line: str) -> None:
        if self.above is not None and stream.isatty():
            self.above(line)
            return
        with self._lock:
            stream.write(line + "\n")
            stream.flush()


def error_members(error: AgencyError) -> dict[str, object]:
    """An error for programs."""
    return {
        "code": error.code,
        "message": {"vi": error.text.vi, "en": error.text.en},
        "fix": None if error.fix is None else {"vi": error.fix.vi, "en": error.fix.en},
        "request_id": error.request_id,
    }
