"""What can go wrong between an agency and the gateway, each with its exit code, its words and the next step.

Exit codes are a promise to scripts: 0 every package receipted, 1 a receipt refuted, 2 usage, 3 some packages, 4
identity or clock, 5 try later, 6 rejected by rules, 7 fatal, 130 interrupted. What is not listed is a failure.

Source: usability notes B1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from services.kernel.refusals.registry import Text


class Exit(IntEnum):
    """The exit codes of the `nopluu` command."""

    DONE = 0
    REFUTED = 1
    USAGE = 2
    PARTIAL = 3
    IDENTITY = 4
    LATER = 5
    REJECTED = 6
    FATAL = 7
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Fault:
    """One place of the manifest that the gateway refuses: its JSON pointer, a code, and the words in both languages."""

    pointer: str
    code: str
    detail: Text


class AgencyError(Exception):
    """Something the user must know; `code` is stable, `text` and `fix` are for people."""

    exit = Exit.FATAL

    def __init__(
        self,
        code: str,
        text: Text,
        fix: Text | None = None,
        *,
        request_id: str | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text
        self.fix = fix
        self.request_id = request_id
        self.faults = tuple(faults)


class UsageError(AgencyError):
    """The command, the configuration or the description is wrong; nothing was sent."""

    exit = Exit.USAGE


class IdentityError(AgencyError):
    """The gateway does not know or trust this client: key, token, scope or clock."""

    exit = Exit.IDENTITY


class LaterError(AgencyError):
    """The gateway is busy or out of reach; the same command will go on where it stopped."""

    exit = Exit.LATER


class RejectedError(AgencyError):
    """The gateway's rules refuse what was declared; `faults` say where."""

    exit = Exit.REJECTED


class FatalError(AgencyError):
    """The gateway broke its own protocol, or a file changed under the push."""


class InterruptedPushError(AgencyError):
    """The user stopped; the same command resumes."""

    exit = Exit.INTERRUPTED
