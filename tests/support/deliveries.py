"""Synthetic deliveries: a folder of small PDFs with its description, the same for the same seed.

Every file carries a marker of its own in clear, by which a search through the store's and the database's files would
find it, and random bytes, which no compression shortens.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FONDS: Final = "P012"
CREATOR: Final = "000.00.47.A47"
_LEAST: Final = 400  # bytes of a file: the frame, the marker, the closing lines


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A made delivery: its folder, its files in order, and a marker of each file's content."""

    folder: Path
    files: tuple[Path, ...]
    markers: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


def make_delivery(folder: Path, *, files: int, size: int, seed: int, per_document: int = 1) -> Synthetic:
    """Write `files` PDFs of `size` bytes each; `seed` also numbers the dossier, so two seeds are two dossiers."""
    if size < _LEAST:
        raise ValueError(f"a file has at least {_LEAST} bytes")
    folder.mkdir(parents=True)
    chance = random.Random(seed)  # noqa: S311 - bytes that repeat, not secrets
    paths, markers = [], []
    for number in range(files):
        marker = f"NOPLUU-MARKER-{seed:06d}-{number:06d}-{chance.randbytes(12).hex()}".encode()
        path = folder / f"{number // 100:03d}" / f"van-ban-{number:06d}.pdf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_pdf(marker, size, chance))
        paths.append(path)
        markers.append(marker)
    describe(folder, paths, seed, per_document)
    return Synthetic(folder, tuple(paths), tuple(markers))


def _pdf(marker: bytes, size: int, chance: random.Random) -> bytes:
    head = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    head += b"3 0 obj<</Title(" + marker + b")>>stream\n"
    tail = b"\nendstream endobj\ntrailer<</Root 1 0 R/Info 3 0 R>>\n%%EOF\n"
    return head + chance.randbytes(size - len(head) - len(tail)) + tail


def describe(folder: Path, paths: list[Path], seed: int, per_document: int) -> None:
    """Write the description of files that are in the folder already."""
    names = [path.relative_to(folder).as_posix() for path in paths]
    groups = [names[at : at + per_document] for at in range(0, len(names), per_document)]
    code = f"{FONDS}.2020-2025.09.01.{seed:06d}"
    description = {
        "profile": "party",
        "fonds": FONDS,
        "creator": CREATOR,
        "dossier": {
            "fonds_name": "Phông Huyện Ủy Mẫu",
            "fonds_number": FONDS,
            "term_of_office": "2020-2025",
            "inventory": "09",
            "box": "01",
            "dossier_number": f"{seed:06d}",
            "dossier_code": code,
            "retention": "Vĩnh viễn",
            "title": f"Hồ sơ thử nghiệm số {seed}",
        },
        "defaults": {
            "secrecy": "none",
            "type_name": "Báo cáo",
            "issuer": "Văn phòng Huyện ủy Mẫu",
            "issued_on": "04/01/2021",
        },
        "documents": [
            {"files": group, "subject": f"Tài liệu thử nghiệm {seed}-{number}"} for number, group in enumerate(groups)
        ],
    }
    (folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
