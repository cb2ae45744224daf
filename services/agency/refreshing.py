"""A receipt anew under a later checkpoint, made from the public log alone, and the proof that the log only grew since.

Whoever holds a receipt can do this: nothing is asked of the gateway but files that it serves to anybody.

Source: FORMATS "Log", "Receipt"; C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.agency.errors import FatalError, RejectedError
from services.kernel.refusals.registry import Text
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.receipts import (
    ReceiptInvalid,
    build_receipt,
    parse_receipt,
    tiles_for_receipt,
    verify_receipt,
)
from services.kernel.tlog.tiles import Tile, TileInvalid, consistency_path, tiles_for_consistency
from services.kernel.tlog.tree import HASH, ProofInvalid, verify_consistency
from services.kernel.tlog.witnessing import AddCheckpoint

Fetch = Callable[[str], bytes | None]
"""A file of the log by its path below `log/`; None where it is not there."""

_CHECKPOINTS = ("checkpoint.cosigned", "checkpoint")
_FORKED = Text(
    "Nhật ký của cổng KHÔNG nối tiếp nhật ký của biên nhận này: có dấu hiệu bị sửa",
    "The gateway's log does NOT continue the one of this receipt: something was altered",
)
_KEEP = Text("Giữ nguyên biên nhận cũ và báo đơn vị kiểm tra", "Keep the old receipt and tell the auditors")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The receipt under the later checkpoint, and the proof as a C2SP add-checkpoint text (for `verify-log`)."""

    receipt: bytes
    proof: str
    earlier: Checkpoint
    later: Checkpoint


def refresh(old: bytes, keys: Sequence[VerifierKey], fetch: Fetch) -> Refreshed:
    """The same deposit under the newest cosigned checkpoint, or under the newest one.

    Raises:
        ReceiptInvalid: the old receipt does not verify; nothing is fetched.
        RejectedError: the gateway shows no later checkpoint.
        FatalError: what it shows does not continue the old one, or is no log.
    """
    proven, parts = verify_receipt(old, keys), parse_receipt(old)
    earlier = proven.signed.checkpoint
    note, later = _newest(keys, fetch, earlier)
    tiles: dict[Tile, bytes] = {}
    try:
        for tile in [*(tiles_for_receipt(proven.index, note) or ()), *tiles_for_consistency(earlier.size, later.size)]:
            tiles[tile] = _tile(tile, fetch)
        path = consistency_path(earlier.size, later.size, tiles)
        verify_consistency(earlier.size, later.size, earlier.root, later.root, path)
        receipt = build_receipt(parts.event, parts.salt, proven.index, note, tiles)
        verify_receipt(receipt, keys)
    except (ProofInvalid, TileInvalid, NoteInvalid, ReceiptInvalid) as error:
        raise FatalError("log-forked", _FORKED, _KEEP) from error
    return Refreshed(receipt, str(AddCheckpoint(earlier.size, tuple(path), note)), earlier, later)


def _newest(keys: Sequence[VerifierKey], fetch: Fetch, earlier: Checkpoint) -> tuple[str, Checkpoint]:
    """The first of the published checkpoints that covers the old one. Raises RejectedError, FatalError."""
    smaller = False
    for name in _CHECKPOINTS:
        data = fetch(name)
        if data is None:
            continue
        note = data.decode("utf-8", "replace")
        try:
            checkpoint = open_checkpoint(note, keys).checkpoint
        except NoteInvalid as error:
            raise FatalError(
                "log-forked",
                Text("Điểm kiểm của cổng không do khóa đã biết ký", "No known key signed the gateway's checkpoint"),
                _KEEP,
            ) from error
        if checkpoint.origin == earlier.origin and checkpoint.size >= earlier.size:
            return note, checkpoint
        smaller |= name == "checkpoint"
    if smaller:
        raise FatalError("log-forked", _FORKED, _KEEP)
    raise RejectedError("checkpoint-missing", Text("Cổng chưa có điểm kiểm", "The gateway shows no checkpoint"))


def _tile(tile: Tile, fetch: Fetch) -> bytes:
    """A tile; of a partial one that was removed since, the head of the full one. Raises TileInvalid."""
    data = fetch(tile.path)
    if data is None and tile != tile.full and (whole := fetch(tile.full.path)) is not None:
        data = whole[: tile.width * HASH]
    if data is None:
        raise TileInvalid("missing")
    return data
