"""A command's connection to the gateway, showing on its terminal what takes long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from services.agency.cli.context import context_of
from services.agency.cli.progress import progress_on
from services.agency.cli.terminal import Terminal
from services.agency.gateway import Gateway


@contextmanager
def gateway_for(context: typer.Context, terminal: Terminal) -> Iterator[Gateway]:
    """The gateway of the chosen profile; closed with the block."""
    profile = context_of(context).profile()
    with progress_on(terminal) as progress, Gateway(profile, observer=progress, language=terminal.language) as gateway:
        yield gateway
