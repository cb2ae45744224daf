"""The verification itself: receipt, then manifest, then plan, then files. Nothing is believed that is not recomputed.

Source: FORMATS "`nopluu verify`"; DESIGN 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.agency.verification.coverage import Named, components_of, covered, outside
from services.agency.verification.folder import digest_of, files_of
from services.agency.verification.outcome import Failed, FileFault, Proved
from services.kernel.layout import Plan, PlanInvalid
from services.kernel.tlog.notes import KeyInvalid, VerifierKey
from services.kernel.tlog.receipts import MAX_RECEIPT, ProvenReceipt, ReceiptInvalid, component_ids, verify_receipt

_MAX_KEYS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the things lie that are compared."""

    receipt: Path
    keys: Path
    manifest: Path | None = None
    files: Path | None = None
    plan: Path | None = None
    witnesses: int = 0


def verify(evidence: Evidence) -> Proved:
    """What the evidence proves.

    Raises:
        Failed: nothing is proved; its code says whether that is refuted or could not be judged.
    """
    if evidence.files is not None and evidence.manifest is None:
        raise Failed("usage", "--files --manifest")
    if evidence.witnesses < 0:
        raise Failed("usage", "--witnesses")
    keys = read_keys(evidence.keys)
    try:
        proven = verify_receipt(_read(evidence.receipt, "receipt-unreadable"), keys, witnesses=evidence.witnesses)
        ids = component_ids(proven.event)
    except ReceiptInvalid as error:
        raise Failed(error.code, error.reason) from error
    plan = None if evidence.plan is None else _plan(_read(evidence.plan, "plan-unreadable"), proven)
    matched: int | None = None
    missing: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    uncovered = 0
    if evidence.manifest is not None:
        manifest = _read(evidence.manifest, "manifest-unreadable")
        if hashlib.sha256(manifest).hexdigest() != _text(proven, "manifest_sha256"):
            raise Failed("manifest-mismatch")
        components = components_of(manifest)
        positions = covered(ids, components, plan)
        uncovered = len(components) - len(ids)
        if positions is not None:
            held = set(positions)
            missing = tuple(entry.name for at, entry in enumerate(components) if at not in held)
        if evidence.files is not None:
            files = files_of(evidence.files)
            matched = _compare(files, components, positions)
            strangers = tuple(outside(files, components))
    return Proved(
        package=_text(proven, "package"),
        version=_number(proven, "version"),
        sealed_at=_text(proven, "sealed_at"),
        index=proven.index,
        signed=proven.signed,
        components=len(ids),
        manifest_compared=evidence.manifest is not None,
        plan_compared=plan is not None,
        matched=matched,
        not_covered=missing,
        not_covered_count=uncovered,
        outside=strangers,
    )


def read_keys(path: Path) -> list[VerifierKey]:
    """The keys in a file; see `parse_keys`. Raises Failed."""
    return parse_keys(_read(path, "keys-unreadable", _MAX_KEYS))


def parse_keys(data: bytes) -> list[VerifierKey]:
    """The keys of a key file: one a line, `#` comments, blank lines.

    Raises:
        Failed: `keys-form`, `keys-empty`.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise Failed("keys-form") from error
    keys: list[VerifierKey] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            keys.append(VerifierKey.parse(text))
        except KeyInvalid as error:
            raise Failed("keys-form", f"{number}") from error
    if not keys:
        raise Failed("keys-empty")
    return keys


def _compare(files: Mapping[str, Path], components: Sequence[Named], positions: Sequence[int] | None) -> int:
    """How many components have their file; those of the deposit must, all of them.

    Where it is not known which those are, every component of the manifest must have its file: then those do, too.
    """
    demanded = components if positions is None else [components[position] for position in positions]
    faults = [fault for component in demanded if (fault := _fault(files.get(component.name), component)) is not None]
    if faults and positions is None and all(fault.code == "file-missing" for fault in faults):
        raise Failed("coverage-unknown", str(len(faults)), faults=faults)
    if faults:
        raise Failed(faults[0].code, faults[0].name, faults=faults)
    return len(demanded)


def _fault(path: Path | None, component: Named) -> FileFault | None:
    if path is None:
        return FileFault("file-missing", component.name)
    try:
        digest = digest_of(path, component.size)
    except Failed as error:
        if error.code == "file-unreadable":
            raise Failed(error.code, component.name) from error
        return FileFault(error.code, component.name)
    if digest is None:
        return FileFault("file-size", component.name)
    return None if digest == component.sha256 else FileFault("file-digest", component.name)


def _plan(data: bytes, proven: ProvenReceipt) -> Plan:
    if hashlib.sha256(data).hexdigest() != _text(proven, "plan_sha256"):
        raise Failed("plan-mismatch")
    try:
        return Plan.parse(data)
    except PlanInvalid as error:
        raise Failed("plan-form") from error


def _text(proven: ProvenReceipt, name: str) -> str:
    value = proven.event.get(name)
    if not isinstance(value, str):
        raise Failed("event-form", name)
    return value


def _number(proven: ProvenReceipt, name: str) -> int:
    value = proven.event.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Failed("event-form", name)
    return value


def _read(path: Path, code: str, most: int = MAX_RECEIPT) -> bytes:
    """The file's bytes, at most one more than allowed: what is longer is refused by whoever parses it."""
    try:
        with path.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise Failed(code, str(path)) from error
