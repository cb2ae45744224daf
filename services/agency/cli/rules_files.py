"""What the `nopluu rules` commands share: files that they write, faults that they tell, the gateway that they ask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.agency.cli.context import context_of
from services.agency.cli.progress import Shown
from services.agency.cli.terminal import Terminal
from services.agency.errors import AgencyError, UsageError
from services.agency.gateway import Gateway
from services.kernel.refusals.registry import Text

Output = Annotated[Path, typer.Option("-o", "--output", help="Tệp đích / target file")]
RulesFile = Annotated[
    Path, typer.Argument(help="Bản thảo .json, bảng .xlsx hoặc phong bì / draft, workbook or envelope")
]


def gateway_of(context: typer.Context, terminal: Terminal, observer: Shown) -> Gateway:
    """The gateway of the chosen profile."""
    return Gateway(context_of(context).profile(), observer=observer, language=terminal.language)


def tell_faults(terminal: Terminal, error: AgencyError) -> None:
    """Every place that must be mended, one a line."""
    for fault in error.faults:
        terminal.data(
            "fault",
            f"{fault.pointer}  {terminal.pick(fault.detail)} [{fault.code}]",
            pointer=fault.pointer,
            code=fault.code,
            detail={"vi": fault.detail.vi, "en": fault.detail.en},
        )


def write(path: Path, content: bytes) -> None:
    """Write what a command made.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            "not-writable", Text(f"Không ghi được {path}: {reason}", f"Cannot write {path}: {reason}")
        ) from error
