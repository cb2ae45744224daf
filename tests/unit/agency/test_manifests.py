"""Manifests, and the way back from the gateway's pointers to the sheet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.agency.delivery import Document, Dossier, Origin
from services.agency.errors import Fault
from services.agency.manifests import Declared, findings_of, locate, manifest_of, media_type
from services.agency.payload import Source
from services.agency.sheets.paths import DiskFile
from services.kernel.refusals.registry import Text

COLUMNS = {"subject": "AA", "secrecy": "AH", "path": "AQ"}


@pytest.fixture
def dossier() -> Dossier:
    documents = [
        Document(
            number,
            {"subject": f"s{number}"},
            {"level": "none"},
            [
                DiskFile(f"{number}.pdf", Path(f"{number}.pdf"), 3),
                DiskFile(f"{number}b.pdf", Path(f"{number}b.pdf"), 4),
            ],
            Origin("MLHS", 4 + number, COLUMNS),
        )
        for number in (1, 2, 3)
    ]
    origin = Origin("MLHS", 5, {"title": "K", "fonds": "C", "dossier_code": "I"})
    return Dossier("d", "party", "P012", "H47", {"title": "t"}, None, documents, origin)


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/documents/1/metadata/subject", ("MLHS", 6, "AA")),
        ("/documents/1/secrecy", ("MLHS", 6, "AH")),
        ("/documents/1/secrecy/level", ("MLHS", 6, "AH")),
        ("/documents/2/components/1/sha256", ("MLHS", 7, "AQ")),
        ("/documents/2", ("MLHS", 7, None)),
        ("/documents/9", ("MLHS", 5, None)),
        ("/dossier/metadata/title", ("MLHS", 5, "K")),
        ("/fonds", ("MLHS", 5, "C")),
        ("", ("MLHS", 5, None)),
    ],
)
def test_a_pointer_is_a_place_of_the_sheet(dossier: Dossier, pointer: str, place: tuple[str, int, str | None]) -> None:
    origin, column = locate(pointer, dossier)
    assert (origin.sheet, origin.row, column) == place


def test_every_fault_of_a_refusal_becomes_a_finding(dossier: Dossier) -> None:
    faults = [Fault(f"/documents/{at}/metadata/subject", "field-too-long", Text("dài", "long")) for at in range(3)]
    assert [finding.place for finding in findings_of(faults, dossier)] == ["MLHS!AA5", "MLHS!AA6", "MLHS!AA7"]


def test_the_payload_skips_what_the_gateway_did_not_plan(dossier: Dossier) -> None:
    sources = tuple(tuple(Source(file.path, file.size, 0) for file in entry.files) for entry in dossier.documents)
    declared = Declared(dossier, b"", "", sources)
    names = [source.path.name for source in declared.payload_sources(["/documents/1", "/documents/2/components/0"])]
    assert names == ["1.pdf", "1b.pdf", "3b.pdf"]


def test_a_manifest_names_what_it_declares(dossier: Dossier) -> None:
    value = json.loads(manifest_of(dossier, submitter="H47", digests={"1.pdf": "a" * 64}))
    assert value["format"] == "nopluu/manifest1"
    assert (value["profile"], value["fonds"], value["creator"], value["submitter"]) == ("party", "P012", "H47", "H47")
    assert value["documents"][0]["components"][0] == {
        "name": "1.pdf",
        "media_type": "application/pdf",
        "size": 3,
        "sha256": "a" * 64,
    }


def test_media_types_are_known_whatever_the_case_and_the_system() -> None:
    assert media_type("a/b.PDF") == "application/pdf"
    assert media_type("ảnh.TIF") == "image/tiff"
    assert media_type("x") == "application/octet-stream"
