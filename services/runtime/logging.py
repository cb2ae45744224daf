"""Logs: one JSON object a line on standard output, with none but the fields listed here.

A field that is not on the list is dropped and only its name is told, so that a title, a file name or an address cannot
slip out through a forgotten call. Of an exception the type and the places are written, never its message: messages
repeat the values that broke them.

Source: usability notes D ("logs are JSON with a field allow-list"), DESIGN promise 7.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

FIELDS: Final = frozenset(
    {
        # of every line
        "timestamp", "level", "event", "logger", "service",
        # of a request
        "request_id", "route", "method", "status", "milliseconds", "client", "code", "bytes",
        # of a job
        "task", "job", "attempt", "attempts", "retry_in",
        # of an exception
        "exception", "places",
        # ids and counts that use cases tell
        "package", "component", "part", "parts", "event_id", "message", "count", "revision", "check", "index", "size",
        "state", "target", "dropped", "seconds", "position", "signal", "address",
    }
)  # fmt: skip
_FRAMES: Final = 12


def configure(service: str, level: str = "info", *, stream: TextIO | None = None) -> None:
    """Set up logging for the process: structlog and the standard library's loggers alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_places,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, _library_event, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _named(service),
            _allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for quiet in ("procrastinate", "uvicorn.error", "asyncio", "alembic"):
        logging.getLogger(quiet).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def logger() -> structlog.stdlib.BoundLogger:
    """The logger of our own code: `logger().info("part-stored", package=…, part=3)`; events are fixed words."""
    made: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("nopluu")
    return made


def _named(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields["service"] = service
        return fields

    return add


def _library_event(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's own words are its format string, without the values it would fill in."""
    record = fields.get("_record")
    if isinstance(record, logging.LogRecord):
        fields["event"] = str(record.msg)[:200] if record.args else str(record.msg).split(":", 1)[0][:200]
    return fields


def _exception_places(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    info = fields.pop("exc_info", None)
    record = fields.get("_record")
    if isinstance(record, logging.LogRecord):
        # The formatter would append the traceback, with its message, as text.
        info, record.exc_info, record.exc_text = record.exc_info or info, None, None
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if info is True:
        error = sys.exc_info()[1]
    if error is not None:
        fields["exception"] = exception_names(error)
        fields["places"] = places(error)
    return fields


def exception_names(error: BaseException) -> str:
    """The exception's type and those of its causes."""
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < 5:
        names.append(f"{type(current).__module__}.{type(current).__qualname__}")
        current = current.__cause__ or current.__context__
    return " < ".join(names)


def places(error: BaseException) -> list[str]:
    """Where it was raised, outermost first: module file, line, function."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in frames]


def _allowed(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: value for name, value in fields.items() if name in FIELDS}
    dropped = sorted(name for name in fields if name not in FIELDS)
    if dropped:
        kept["dropped"] = dropped
    return kept
