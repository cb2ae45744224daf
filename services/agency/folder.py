"""A plain folder of files with one small description, `ho-so.json` or `ho-so.toml`: one dossier, one package.

    {
      "profile": "party", "fonds": "P012", "creator": "000.00.47.A47",
      "dossier": {"title": "…", "dossier_code": "…", "retention": "Vĩnh viễn"},
      "defaults": {"secrecy": "none", "type_name": "Báo cáo", "issuer": "…", "issued_on": "03/01/2008"},
      "documents": [{"file": "a.pdf", "subject": "…"}, {"files": ["b1.pdf", "b2.pdf"], "subject": "…", "secrecy": "mat"}]
    }

Names inside `dossier`, `defaults` and a document are the profile's wire names. `secrecy` is one of the four words or
the manifest's whole object; it is never assumed. Without `documents` every file of the folder is one document, in the
order of the names, whose subject is its name without the ending. Without a description of its own, a folder's
subfolders that have one are dossiers each.

Source: DESIGN 4, FORMATS "Manifest".
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from services.agency.delivery import PROFILES, Delivery, Document, Dossier, Origin
from services.agency.errors import UsageError
from services.agency.sheets.files import Claims
from services.agency.sheets.findings import Findings
from services.agency.sheets.paths import FolderIndex
from services.agency.sheets.workbook import Cell
from services.kernel.refusals.registry import Text

DESCRIPTIONS: Final = ("ho-so.json", "ho-so.toml")
MAX_DESCRIPTION: Final = 64 * 1024 * 1024  # bytes
_MEMBERS: Final = frozenset(
    {"profile", "fonds", "creator", "transfer", "supersedes", "dossier", "defaults", "documents"}
)
_OF_DOCUMENT: Final = frozenset({"file", "files", "secrecy", "ordinal"})


def read_folder(folder: Path, *, fonds: str | None = None, creator: str | None = None) -> list[Delivery]:
    """The folder's dossier, or one delivery for each subfolder that describes one; `fonds`, `creator` are defaults.

    Raises:
        UsageError: there is no description, or it is not of this form.
    """
    if (description := _description(folder)) is not None:
        return [_read(folder, description, fonds, creator)]
    found = [(path, inner) for path in sorted(folder.iterdir()) if path.is_dir() and (inner := _description(path))]
    if not found:
        raise UsageError(
            "description-missing",
            Text(f"Không có ho-so.json hoặc ho-so.toml trong {folder}", f"No ho-so.json or ho-so.toml in {folder}"),
            Text(
                "Viết tệp mô tả, hoặc dùng: nopluu push MUC-LUC.xlsx --files THU-MUC",
                "Write one, or use: nopluu push INVENTORY.xlsx --files FOLDER",
            ),
        )
    return [_read(path, inner, fonds, creator) for path, inner in found]


def _description(folder: Path) -> Path | None:
    return next((path for name in DESCRIPTIONS if (path := folder / name).is_file()), None)


def _read(folder: Path, description: Path, fonds: str | None, creator: str | None) -> Delivery:
    value = _load(description)
    if unknown := value.keys() - _MEMBERS:
        raise _wrong(description, f"/{min(unknown)}", "thành phần không biết", "unknown member")
    profile = value.get("profile", "party")
    if profile not in PROFILES:
        raise _wrong(description, "/profile", f"phải là một trong {PROFILES}", f"must be one of {PROFILES}")
    findings = Findings()
    claims = Claims(FolderIndex(folder, ignoring=frozenset({description})), findings)
    head = dict(_object(description, value, "dossier"))
    secrecy = head.pop("secrecy", None)
    dossier = Dossier(
        label=str(head.get("dossier_code") or folder.name),
        profile=str(profile),
        fonds=_word(description, value, "fonds", fonds),
        creator=_word(description, value, "creator", creator),
        metadata=head,
        secrecy=None if secrecy is None else _secrecy(secrecy),
        documents=[],
        origin=_origin(description, "/dossier", head),
        transfer=_optional(value, "transfer"),
        supersedes=_optional(value, "supersedes"),
    )
    defaults = _object(description, value, "defaults")
    entries = value.get("documents")
    if entries is None:
        entries = [
            {"file": file.name, "subject": file.path.stem}
            | ({} if "subject" not in defaults else {"subject": defaults["subject"]})
            for file in claims.files
        ]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _wrong(description, "/documents", "phải là danh sách đối tượng", "must be a list of objects")
    for at, entry in enumerate(entries):
        document = _document(description, at, {**defaults, **entry}, claims, findings)
        dossier.documents.append(document)
    claims.report_unclaimed(description.name, "/documents")
    return Delivery(description, folder, [dossier], findings.sorted())


def _document(description: Path, at: int, entry: Mapping[str, object], claims: Claims, findings: Findings) -> Document:
    pointer = f"/documents/{at}"
    names = entry.get("files", entry.get("file", []))
    paths = [names] if isinstance(names, str) else names
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _wrong(description, f"{pointer}/files", "phải là tên tệp", "must be file names")
    files = [file for path in paths for file in claims.claim(_cell(description, f"{pointer}/files", path), None, None)]
    metadata = {name: value for name, value in entry.items() if name not in _OF_DOCUMENT}
    ordinal = entry.get("ordinal", at + 1)
    if not isinstance(ordinal, int) or isinstance(ordinal, bool):
        raise _wrong(description, f"{pointer}/ordinal", "phải là số", "must be a number")
    stated = entry.get("secrecy")
    if stated is None:
        findings.place(description.name, None, f"{pointer}/secrecy", "required-missing", name="secrecy")
    secrecy = _secrecy(stated)
    return Document(ordinal, metadata, secrecy, files, _origin(description, pointer, entry))


def _secrecy(stated: object) -> dict[str, object]:
    if isinstance(stated, dict):
        return dict(stated)
    return {} if stated is None else {"level": stated}


def _load(description: Path) -> Mapping[str, object]:
    try:
        if description.stat().st_size > MAX_DESCRIPTION:
            raise _wrong(description, "", "quá lớn", "too large")
        text = description.read_text("utf-8-sig")
        value = tomllib.loads(text) if description.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise _wrong(description, "", f"không đọc được: {error}", f"cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise _wrong(description, "", "phải là một đối tượng", "must be an object")
    return {name: _plain(member, secrecy=name == "secrecy") for name, member in value.items()}


def _plain(value: object, *, secrecy: bool) -> object:
    """TOML's own dates as the manifest writes them: ISO within `secrecy`, dd/mm/yyyy elsewhere."""
    if isinstance(value, dict):
        return {name: _plain(member, secrecy=secrecy or name == "secrecy") for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member, secrecy=secrecy) for member in value]
    if isinstance(value, date):
        return value.strftime("%Y-%m-%d" if secrecy else "%d/%m/%Y")
    return value


def _object(description: Path, value: Mapping[str, object], name: str) -> Mapping[str, object]:
    member = value.get(name, {})
    if not isinstance(member, dict):
        raise _wrong(description, f"/{name}", "phải là một đối tượng", "must be an object")
    return member


def _word(description: Path, value: Mapping[str, object], name: str, default: str | None) -> str:
    member = value.get(name, default)
    if not isinstance(member, str) or not member:
        raise _wrong(description, f"/{name}", "còn thiếu", "is missing")
    return member


def _optional(value: Mapping[str, object], name: str) -> str | None:
    member = value.get(name)
    return None if member is None else str(member)


def _origin(description: Path, pointer: str, members: Mapping[str, object]) -> Origin:
    columns = {name: f"{pointer}/{name}" for name in members} | {
        "path": f"{pointer}/files",
        "secrecy": f"{pointer}/secrecy",
    }
    return Origin(description.name, None, columns)


def _cell(description: Path, pointer: str, value: str) -> Cell:
    return Cell(description.name, 0, pointer, value)


def _wrong(description: Path, pointer: str, vi: str, en: str) -> UsageError:
    where = f"{description.name}{pointer}"
    return UsageError("description-invalid", Text(f"{where}: {vi}", f"{where}: {en}"))
