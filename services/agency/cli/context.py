"""What every command shares: the terminal, the profile, and how an error becomes an exit code.

Source: usability notes B1, B2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from services.agency.cli.terminal import Terminal
from services.agency.errors import Exit
from services.agency.profile import Profile


@dataclass(slots=True)
class Context:
    """The options that stand before the command."""

    terminal: Terminal
    profile_name: str | None
    config: Path | None

    def profile(self) -> Profile:
        """The chosen profile.

        Raises:
            UsageError: there is none, or it is not usable.
        """
        return Profile.load(self.profile_name, self.config)


def context_of(context: typer.Context) -> Context:
    """The shared context; made by the root command before any other runs."""
    found = context.obj
    if not isinstance(found, Context):
        raise TypeError("the command was not started by `nopluu`")
    return found


Json = Annotated[bool, typer.Option("--json", help="JSON lines (một đối tượng mỗi dòng) / JSON lines")]


def terminal_for(context: typer.Context, json: bool) -> Terminal:
    """The terminal, writing JSON where this command or the root was asked to."""
    terminal = context_of(context).terminal
    terminal.json = terminal.json or json
    return terminal


def overall(codes: Sequence[Exit]) -> Exit:
    """The exit code of several dossiers: DONE only if all are; PARTIAL if some are; else the most urgent cause."""
    if not codes:
        return Exit.DONE
    if all(code is Exit.DONE for code in codes):
        return Exit.DONE
    if any(code is Exit.DONE for code in codes):
        return Exit.PARTIAL
    for cause in (Exit.FATAL, Exit.IDENTITY, Exit.REJECTED, Exit.LATER):
        if cause in codes:
            return cause
    return Exit.FATAL
