"""A sealed deposit, made by hand: files, manifest, plan, a log with other leaves in it, keys, and the receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kernel.canonical import canonical
from services.kernel.identifiers import ComponentId
from services.kernel.layout import MIB, Plan, PlannedComponent
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import LogSigner, Note, WitnessSigner
from services.kernel.tlog.receipts import build_receipt
from services.kernel.tlog.tiles import Edge, Tile
from services.kernel.tlog.tree import entry_hash

ORIGIN = "nopluu.example/log"
LOG = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = WitnessSigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
SALT = b"s" * 32
FILES = {
    "Hồ sơ 1/Tờ trình số 12.pdf": b"%PDF-1.7 mot",
    "Hồ sơ 1/Quyết định.pdf": b"%PDF-1.7 hai hai",
    "Hồ sơ 1/Phụ lục trống.txt": b"",
    "ảnh.jpg": b"\xff\xd8 ba",
}


def component_id(position: int) -> UUID:
    return UUID(int=0x01900000_0000_7000_8000_000000000000 + position)


@dataclass(frozen=True)
class Deposit:
    """Everything that a verifier may be given. `covered` are the positions that the deposit holds."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    covered: tuple[int, ...] = (0, 1, 2, 3)
    index: int = 5
    leaves: int = 300
    signer: LogSigner = LOG
    witnesses: tuple[WitnessSigner, ...] = ()
    event_type: str = "sealed"
    manifest_sha256: str | None = None

    @property
    def manifest(self) -> bytes:
        components = [
            {
                "name": name,
                "media_type": "application/octet-stream",
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            for name, data in self.files.items()
        ]
        return canonical(
            {
                "format": "nopluu/manifest1",
                "documents": [{"ordinal": 1, "components": components}, {"ordinal": 2, "secrecy": {}}],
            }
        )

    @property
    def plan(self) -> bytes:
        sizes = [len(data) for data in self.files.values()]
        held = [PlannedComponent(ComponentId(component_id(position)), sizes[position]) for position in self.covered]
        return Plan(MIB, held).canonical()

    @property
    def event(self) -> bytes:
        return canonical(
            {
                "type": self.event_type,
                "package": str(UUID(int=1)),
                "version": 1,
                "supersedes": None,
                "submitter": str(UUID(int=2)),
                "fonds": str(UUID(int=3)),
                "manifest_sha256": self.manifest_sha256 or hashlib.sha256(self.manifest).hexdigest(),
                "plan_sha256": hashlib.sha256(self.plan).hexdigest(),
                "rules_sha256": "00" * 32,
                "sealed_at": "2026-11-24T05:02:03Z",
                "components": [str(component_id(position)) for position in self.covered],
            }
        )

    @property
    def receipt(self) -> bytes:
        entries = [hashlib.sha256(at.to_bytes(8)).digest() for at in range(self.leaves)]
        entries[self.index] = entry_hash(SALT, self.event)
        edge = Edge()
        resources = [*edge.append(entries), *edge.partial()]
        tiles = {place: data for place, data in resources if isinstance(place, Tile)}
        text = Checkpoint(self.signer.verifier.name, edge.size, edge.root).text
        lines = [witness.cosign(text, 1_795_000_000) for witness in self.witnesses]
        note = str(Note(text, (*self.signer.sign(text).signatures, *lines)))
        return build_receipt(self.event, SALT, self.index, note, tiles)

    def but(self, **changes: object) -> Deposit:
        return replace(self, **changes)  # type: ignore[arg-type]  # the fields' types differ

    def write(self, folder: Path, *, keys: Sequence[object] = (LOG.verifier, WITNESS.verifier)) -> Folder:
        """Lay everything out in a folder, as an agency would have it."""
        deposit = folder / "hồ sơ"
        for name, data in self.files.items():
            path = deposit / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        paths = Folder(
            folder / "receipt.json", folder / "manifest.json", folder / "plan.json", folder / "keys.txt", deposit
        )
        paths.receipt.write_bytes(self.receipt)
        paths.manifest.write_bytes(self.manifest)
        paths.plan.write_bytes(self.plan)
        paths.keys.write_text("# khóa công khai\n\n" + "".join(f"{key}\n" for key in keys), encoding="utf-8")
        return paths


@dataclass(frozen=True)
class Folder:
    """Where a deposit was written."""

    receipt: Path
    manifest: Path
    plan: Path
    keys: Path
    files: Path
