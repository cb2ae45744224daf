"""Bundles of secrecy rules on an officer's machine: drafted, signed by two, joined, and read.

Nothing is signed that the gateway would refuse: the rows are compiled and their examples run first.

Source: DESIGN 9; security notes §6.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from services.agency.errors import Fault, RejectedError, UsageError
from services.agency.rule_sheets import places_to_mend, read_rules, workbook_of
from services.kernel import dsse, strict_json
from services.kernel.canonical import canonical
from services.kernel.refusals.registry import Text
from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules import Bundle, baseline_bundle, compile_bundle, load_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.signing.keys import PrivateKey

MAX_FILE: Final = dsse.MAX_ENVELOPE  # bytes
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class ReadRules:
    """Rules as a file holds them: their canonical payload, and who signed it; no signature is checked here."""

    bundle: Bundle
    payload: bytes
    signers: tuple[str, ...]


def draft(version: int, effective_from: date) -> bytes:
    """The baseline's rows as a file that a person can edit."""
    return _spelt_out(json.loads(baseline_bundle(version, effective_from)))


def read(path: Path) -> ReadRules:
    """The rules in a file: a draft in any spelling of JSON, an officer's workbook, or an envelope.

    Raises:
        UsageError: neither.
        RejectedError: the rules have errors; the gateway would refuse them.
    """
    return read_bytes(_content(path), str(path))


def read_bytes(data: bytes, name: str) -> ReadRules:
    """The rules in these bytes, which people know as `name`; as `read`."""
    if data.startswith(_ZIP):
        return _of_workbook(data, name)
    try:
        value = strict_json.parse(data, max_bytes=MAX_FILE)
    except strict_json.StrictJsonError as error:
        raise _unreadable(name, error.reason) from None
    if isinstance(value, dict) and "payloadType" in value:
        envelope = _envelope(data, name)
        return ReadRules(_checked(envelope.payload), envelope.payload, tuple(keyid for keyid, _ in envelope.signatures))
    try:
        payload = canonical(value)
    except ValueError:  # text that has no UTF-8
        raise _unreadable(name, "not UTF-8") from None
    return ReadRules(_checked(payload), payload, ())


def sign(path: Path, key: PrivateKey) -> bytes:
    """An envelope in which this key signs the rules of a draft, or of the envelope another officer signed.

    Raises:
        UsageError, RejectedError: as `read`.
    """
    return dsse.sign(read(path).payload, PAYLOAD_TYPE, [key])


def assemble(paths: Sequence[Path]) -> bytes:
    """One envelope of several over the same rules.

    Raises:
        UsageError: one is no envelope, or they are not over the same rules.
    """
    try:
        return dsse.assemble([_content(path) for path in paths])
    except dsse.EnvelopeInvalid as error:
        raise _unreadable(" + ".join(path.name for path in paths), str(error)) from None


def export(read: ReadRules) -> bytes:
    """The rules as a workbook that `read` reads back without loss.

    Raises:
        UsageError: a text is too long for a cell.
    """
    return workbook_of(json.loads(read.payload))


def editable(read: ReadRules) -> bytes:
    """The rules as a draft that a person can edit."""
    return _spelt_out(json.loads(read.payload))


def _spelt_out(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _of_workbook(data: bytes, name: str) -> ReadRules:
    imported = read_rules(data, name)
    try:
        payload = canonical(imported.value)
    except ValueError:  # text that has no UTF-8, a number that JSON cannot carry
        raise _unreadable(name, "not JSON") from None
    try:
        return ReadRules(compile_bundle(load_bundle(payload)).bundle, payload, ())
    except BundleInvalid as refusal:
        faults = [Fault(imported.place(pointer.pointer), pointer.code, pointer.detail) for pointer in refusal.pointers]
        raise places_to_mend(refusal.code, faults) from None


def _checked(payload: bytes) -> Bundle:
    try:
        return compile_bundle(load_bundle(payload)).bundle
    except BundleInvalid as refusal:
        faults = [Fault(pointer.pointer, pointer.code, pointer.detail) for pointer in refusal.pointers]
        raise RejectedError(
            refusal.code, refusal.detail.filled(refusal.facts), refusal.fix.filled(refusal.facts), faults=faults
        ) from None


def _envelope(data: bytes, name: str) -> dsse.Envelope:
    try:
        envelope = dsse.parse(data)
    except dsse.EnvelopeInvalid as error:
        raise _unreadable(name, str(error)) from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise _unreadable(name, "another payload type")
    return envelope


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise _unreadable(str(path), f"more than {MAX_FILE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(str(path), error.strerror or type(error).__name__) from error


def _unreadable(name: str, reason: str) -> UsageError:
    return UsageError(
        "rules-unreadable",
        Text(f"{name}: không phải tệp quy tắc ({reason})", f"{name}: not a file of rules ({reason})"),
        Text("Lập tệp bằng: nopluu rules draft, sign, assemble", "Make it with: nopluu rules draft, sign, assemble"),
    )
