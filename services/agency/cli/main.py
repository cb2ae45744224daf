"""The `nopluu` command.

Source: usability notes B.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from services.agency.cli import (
    ceiling_command,
    check_command,
    classification_command,
    custodian_commands,
    export_command,
    incident_commands,
    inspection_command,
    push_command,
    read_commands,
    rules_command,
    setup_commands,
    verify_command,
    verify_log_command,
    witness_command,
)
from services.agency.cli.context import Context
from services.agency.cli.language import choose
from services.agency.cli.terminal import Terminal
from services.agency.errors import AgencyError, Exit

# Typer carries its own click or the installed one, by version; both are reached through its names.
_WRONG_USAGE: Final[type[Exception]] = typer.BadParameter.__mro__[1]
_GRACE: Final = 2.0  # seconds that threads get to end after Ctrl-C

app = typer.Typer(
    name="nopluu",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Nộp hồ sơ số hóa vào lưu trữ lịch sử. / Hand digitised dossiers to the archive.",
    epilog="Mã thoát / exit codes: 0 xong, 1 biên nhận sai, 2 cách dùng, 3 một phần, 4 danh tính hoặc đồng hồ, "
    "5 thử lại sau, 6 bị quy tắc từ chối, 7 lỗi nặng, 130 bị dừng",
)


@app.callback()
def root(
    context: typer.Context,
    profile: Annotated[
        str | None, typer.Option("--profile", envvar="NOPLUU_PROFILE", help="Tên cấu hình / profile")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", envvar="NOPLUU_CONFIG", help="Tệp cấu hình / config file")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", envvar="NOPLUU_LANG", help="vi | en")] = None,
) -> None:
    """Nộp hồ sơ số hóa vào lưu trữ lịch sử. / Hand digitised dossiers to the archive."""
    context.obj = Context(Terminal(language=choose(lang)), profile, config)


for part in (
    setup_commands,
    check_command,
    push_command,
    read_commands,
    verify_command,
    verify_log_command,
    rules_command,
    ceiling_command,
    classification_command,
    inspection_command,
    incident_commands,
    custodian_commands,
    export_command,
    witness_command,
):
    part.register(app)


def main() -> NoReturn:
    """Run the command and end the process with one of the documented codes."""
    signal.signal(signal.SIGTERM, _terminated)
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if code == Exit.INTERRUPTED:
        _leave_threads_behind()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code; every error is told, none is a traceback."""
    terminal = Terminal(language=choose(_asked_language(arguments)), json="--json" in arguments)
    try:
        result = app(args=arguments, prog_name="nopluu", standalone_mode=False)
    except AgencyError as error:
        terminal.failed(error)
        return int(error.exit)
    except typer.Exit as error:
        return error.exit_code
    except _WRONG_USAGE as error:
        terminal.note("exit_error", f"nopluu: {error}", code="usage", exit_code=int(Exit.USAGE))
        return int(Exit.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        again = terminal.words("đã dừng; chạy lại đúng lệnh này để tiếp tục", "stopped; run the same command to go on")
        terminal.note("exit_error", again, code="interrupted", exit_code=int(Exit.INTERRUPTED))
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - nobody reads any more
        return int(Exit.FATAL)
    except OSError as error:
        terminal.note("exit_error", f"nopluu: {error}", code="system", detail=str(error), exit_code=int(Exit.FATAL))
        return int(Exit.FATAL)
    return result if isinstance(result, int) else int(Exit.DONE)


def _asked_language(arguments: list[str]) -> str | None:
    for at, argument in enumerate(arguments):
        if argument == "--lang" and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    return None


def _terminated(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave_threads_behind() -> None:
    """A thread may wait for an answer for minutes; what it sends is repeated by the next run, so it need not end."""
    until = time.monotonic() + _GRACE
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
    if any(thread is not threading.current_thread() and not thread.daemon for thread in threading.enumerate()):
        os._exit(int(Exit.INTERRUPTED))


if __name__ == "__main__":
    main()
