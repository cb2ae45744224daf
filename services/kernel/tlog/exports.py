"""The files of an exported log, beside the C2SP tiles: what the database held, one canonical JSON object a line.

    log/checkpoint, log/checkpoint.cosigned, log/tile/…    as published
    database/leaves.jsonl          {"index", "entry", "event", "salt", "body"}; the last three null where there is none
    database/checkpoints.jsonl     {"note", "cosignatures": [line, …]}
    database/without-leaf.jsonl    {"event", "waits"}: events that no leaf leads to

Source: FORMATS "Exported log".
"""

from __future__ import annotations

from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import b64, canonical, unb64
from services.kernel.tlog.auditing import LeafRow

LOG = "log"
LEAVES = "database/leaves.jsonl"
CHECKPOINTS = "database/checkpoints.jsonl"
WITHOUT_LEAF = "database/without-leaf.jsonl"
MAX_LINE = 96 * 1024 * 1024  # bytes; an event names every component


class ExportInvalid(ValueError):
    """A line of the export has another form."""


def leaf_line(row: LeafRow) -> bytes:
    """A leaf's line."""
    return _line(
        {
            "index": row.index,
            "entry": b64(row.entry),
            "event": str(row.event) if row.event is not None and row.found else None,
            "salt": None if row.salt is None else b64(row.salt),
            "body": None if row.body is None else b64(row.body),
        }
    )


def parse_leaf(line: bytes) -> LeafRow:
    """Raises ExportInvalid."""
    match _value(line):
        case {"index": int(index), "entry": str(entry), "event": event, "salt": salt, "body": body}:
            try:
                id_ = UUID(event) if isinstance(event, str) else None
                return LeafRow(index, unb64(entry), id_, id_ is not None, _binary(salt), _binary(body))
            except ValueError as error:
                raise ExportInvalid("leaf") from error
    raise ExportInvalid("leaf")


def checkpoint_line(note: str, cosignatures: list[str]) -> bytes:
    """A checkpoint's line."""
    return _line({"note": note, "cosignatures": list(cosignatures)})


def parse_checkpoint(line: bytes) -> tuple[str, list[str]]:
    """Raises ExportInvalid."""
    match _value(line):
        case {"note": str(note), "cosignatures": list(lines)} if all(isinstance(entry, str) for entry in lines):
            return note, lines
    raise ExportInvalid("checkpoint")


def without_leaf_line(event: UUID, waits: bool) -> bytes:
    """An event's line that no leaf leads to."""
    return _line({"event": str(event), "waits": waits})


def parse_without_leaf(line: bytes) -> tuple[str, bool]:
    """Raises ExportInvalid."""
    match _value(line):
        case {"event": str(event), "waits": bool(waits)}:
            return event, waits
    raise ExportInvalid("event")


def _line(value: dict[str, object]) -> bytes:
    return canonical(value) + b"\n"


def _value(line: bytes) -> object:
    try:
        return strict_json.parse(line, max_bytes=MAX_LINE)
    except ValueError as error:
        raise ExportInvalid("not JSON") from error


def _binary(value: object) -> bytes | None:
    return unb64(value) if isinstance(value, str) else None
