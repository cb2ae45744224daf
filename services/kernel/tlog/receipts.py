"""Receipts: a seal event, its salt, and the proof that it stands in the log.

A receipt asserts that bytes matched the manifest and are durable; not acceptance, legibility or lawful secrecy.

Building one takes the tiles that `tiles_for_receipt` names, read from the log's store:

    needed = tiles_for_receipt(index, note)              # None: the checkpoint does not cover the entry yet
    tiles = {tile: await read(tile) for tile in needed}
    receipt = build_receipt(event, salt, index, note, tiles)

Source: FORMATS "Receipt"; DESIGN 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.kernel import strict_json
from services.kernel.canonical import b64, canonical, unb64
from services.kernel.tlog.checkpoints import Checkpoint, SignedCheckpoint, open_checkpoint
from services.kernel.tlog.notes import Note, NoteInvalid, VerifierKey
from services.kernel.tlog.proofs import LogProof
from services.kernel.tlog.tiles import Tile, inclusion_path, tiles_for_inclusion
from services.kernel.tlog.tree import ProofInvalid, entry_hash

FORMAT = "nopluu/receipt1"
MAX_RECEIPT = 64 * 1024 * 1024  # bytes; an event names every component
_SALT = 32


class ReceiptInvalid(ValueError):
    """The receipt does not prove a deposit; `code` is stable, one code a cause, and `reason` says it in English."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt's three parts, as they stand in it; nothing is verified."""

    event: bytes
    salt: bytes
    proof: str

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical({"format": FORMAT, "event": b64(self.event), "salt": b64(self.salt), "proof": self.proof})


@dataclass(frozen=True, slots=True)
class ProvenReceipt:
    """What a receipt proves: the event, where it stands, and under which checkpoint."""

    event: Mapping[str, object]
    index: int
    signed: SignedCheckpoint


def tiles_for_receipt(index: int, note: str) -> list[Tile] | None:
    """The tiles that `build_receipt` reads; None where the checkpoint does not cover the entry.

    Raises:
        NoteInvalid: no checkpoint.
    """
    size = Checkpoint.parse(Note.parse(note).text).size
    return tiles_for_inclusion(index, size) if index < size else None


def build_receipt(event: bytes, salt: bytes, index: int, note: str, tiles: Mapping[Tile, bytes]) -> bytes:
    """The receipt of an event at `index` under a checkpoint that covers it. Its own proof is checked before it leaves.

    Raises:
        NoteInvalid: no checkpoint.
        TileInvalid: a tile is missing or has another length.
        ProofInvalid: tiles, entry and checkpoint do not belong together.
    """
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    proof = LogProof(index, tuple(inclusion_path(index, checkpoint.size, tiles)), note)
    proof.require_root(entry_hash(salt, event), checkpoint)
    return Receipt(event, salt, str(proof)).to_bytes()


def parse_receipt(data: bytes) -> Receipt:
    """A receipt's parts, where it has exactly the form that `to_bytes` gives.

    Raises:
        ReceiptInvalid.
    """
    try:
        match strict_json.parse(data, max_bytes=MAX_RECEIPT):
            case {"format": str(form), "event": str(event), "salt": str(salt), "proof": str(proof), **rest}:
                if form != FORMAT or rest:
                    raise ReceiptInvalid("receipt-form", "not a nopluu/receipt1")
                receipt = Receipt(unb64(event), unb64(salt), proof)
            case _:
                raise ReceiptInvalid("receipt-form", "not a nopluu/receipt1")
        if receipt.to_bytes() != data:
            raise ReceiptInvalid("receipt-not-canonical", "not its own canonical form")
    except ReceiptInvalid:
        raise
    except ValueError as error:  # StrictJsonError and the library's refusal of lone surrogates among them
        raise ReceiptInvalid("receipt-form", "not a nopluu/receipt1") from error
    if len(receipt.salt) != _SALT:
        raise ReceiptInvalid("receipt-salt", "the salt has not 32 bytes")
    return receipt


def verify_receipt(data: bytes, keys: Sequence[VerifierKey], *, witnesses: int = 0) -> ProvenReceipt:
    """What the receipt proves, given the keys of logs and witnesses, with at least so many distinct witnesses.

    Raises:
        ReceiptInvalid: any step fails.
    """
    receipt = parse_receipt(data)
    event = _sealed(receipt.event)
    try:
        proof = LogProof.parse(receipt.proof)
    except ProofInvalid as error:
        raise ReceiptInvalid("proof-form", "not a tlog-proof@v1 without extra line") from error
    try:
        signed = proof.verify(entry_hash(receipt.salt, receipt.event), keys)
    except NoteInvalid as error:
        raise ReceiptInvalid(_NOTE_CODES.get(error.reason, "checkpoint-form"), error.reason) from error
    except ProofInvalid as error:
        raise ReceiptInvalid("not-in-log", f"not in the log: {error.reason}") from error
    if signed.distinct_witnesses < witnesses:
        raise ReceiptInvalid("witnesses-missing", f"{signed.distinct_witnesses} of {witnesses} witnesses cosigned")
    return ProvenReceipt(event, proof.index, signed)


def checkpoint_of(data: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in a receipt or in a signed note, whichever the bytes are; its signatures are verified.

    Raises:
        NoteInvalid: the checkpoint's form or signatures.
        ReceiptInvalid: a receipt that does not prove its event under that checkpoint.
    """
    if data.startswith(b"{"):
        return verify_receipt(data, keys).signed.checkpoint
    try:
        return open_checkpoint(data.decode("utf-8"), keys).checkpoint
    except UnicodeDecodeError as error:
        raise NoteInvalid("note form") from error


_NOTE_CODES = {
    "signature": "signature-wrong",
    "signature length": "signature-wrong",
    "signature time": "signature-wrong",
    "signature type unsupported": "signature-unsupported",
    "no known log signed the checkpoint": "log-unknown",
}


def _sealed(data: bytes) -> Mapping[str, object]:
    """The seal event in these bytes. Raises ReceiptInvalid."""
    try:
        event = strict_json.parse(data, max_bytes=MAX_RECEIPT)
        if canonical(event) != data:
            raise ReceiptInvalid("event-not-canonical", "the event is not canonical")
    except ReceiptInvalid:
        raise
    except ValueError as error:
        raise ReceiptInvalid("event-form", "the event is not JSON") from error
    if not isinstance(event, dict) or event.get("type") != "sealed":
        raise ReceiptInvalid("event-not-seal", "not a seal event")
    return event


def component_ids(event: Mapping[str, object]) -> list[UUID]:
    """The ids of the components that the deposit holds, in manifest order.

    Raises:
        ReceiptInvalid: the event names none, or names one twice.
    """
    try:
        match event:
            case {"components": list(entries)}:
                ids = [UUID(entry) for entry in entries]
            case _:
                raise ReceiptInvalid("event-form", "the event names no components")
    except (ValueError, AttributeError, TypeError) as error:
        raise ReceiptInvalid("event-form", "a component's id is no UUID") from error
    if len(set(ids)) != len(ids) or [str(entry) for entry in ids] != entries:
        raise ReceiptInvalid("event-form", "a component's id is repeated or written in another way")
    return ids
