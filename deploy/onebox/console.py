"""What `make run` tells: one short line a step in both languages, and at the end one JSON object.

A terminal that cannot show Vietnamese gets escapes instead of an error.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Final

_SEPARATORS: Final = (", ", ": ")


class Console:
    """Standard output, line by line."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    def step(self, vi: str, en: str) -> None:
        """A step that begins."""
        self.line(f"- {vi} / {en}")

    def detail(self, text: str) -> None:
        """Something about the step."""
        self.line(f"    {text}")

    def line(self, text: str = "") -> None:
        """A line as it is."""
        print(text, flush=True)

    def failed(self, reason: str, tail: str = "") -> None:
        """Why it ended, on stderr; `tail` is the end of the log that tells more."""
        for line in tail.rstrip().splitlines()[-25:]:
            print(f"    | {line}", file=sys.stderr)
        print(f"*** KHÔNG THÀNH CÔNG / FAILED: {reason}", file=sys.stderr, flush=True)

    def result(self, **members: object) -> None:
        """The last line of a run."""
        self.line(json.dumps(members, ensure_ascii=False, separators=_SEPARATORS))
