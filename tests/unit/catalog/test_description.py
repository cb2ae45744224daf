"""Manifests of every profile as rows: what is found by what, and what is not shown."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest

from services.catalog.domain.description import Description, SealUnfit, deposit_of, describe
from services.kernel.canonical import canonical
from services.kernel.manifest import parse
from services.kernel.secrecy import Level
from tests.support.shelving import document, file, manifest, sample_manifests, sealed, stub


def described(data: bytes, **sealing: Any) -> Description:
    return describe(deposit_of(sealed(data, **sealing)), parse(data))


def keys(description: Description, at: int = 0) -> set[str]:
    return {entry.key for entry in description.documents[at].words()}


def tt05() -> bytes:
    """A manifest of TT 05/2025, whose types and languages are codes."""
    dossier = {
        "fileCode": "H49.64.33.2001.160",
        "title": "Hồ sơ quy hoạch",
        "maintenance": "01",
        "mode": "01",
        "language": ["01"],
        "startDate": "01/01/2001",
        "endDate": "31/12/2001",
        "totalDoc": 1,
        "numberOfPage": 3,
        "riskRecovery": False,
    }
    record = {
        "docId": "AB12",
        "docCode": "H49.64.33.2001.160.0000001",
        "typeName": "02",
        "codeNumber": "15",
        "codeNotation": "QĐ-UBND",
        "issuedDate": "15/06/2001",
        "organName": "Ủy ban nhân dân tỉnh",
        "subject": "Phê duyệt quy hoạch",
    }
    return canonical(
        {
            "format": "nopluu/manifest1",
            "profile": "tt05",
            "fonds": "H49.64",
            "creator": "H49.64",
            "submitter": "H49.64",
            "dossier": {"metadata": dossier},
            "documents": [
                {"ordinal": 1, "metadata": record, "secrecy": {"level": "none"}, "components": [file("a.pdf")]}
            ],
        }
    )


def test_a_coded_type_is_found_by_its_name_and_a_number_beside_its_notation() -> None:
    description = described(tt05())
    (found,) = description.documents
    assert (found.type_name, found.number, found.notation) == ("Quyết định", "15", "QĐ-UBND")
    assert (found.issuer, found.issued_on) == ("Ủy ban nhân dân tỉnh", date(2001, 6, 15))
    assert {"quyet", "dinh", "uy", "ban", "2001-06-15", "h49", "ab12", "qui", "hoach"} <= keys(description)
    places = {entry.key: entry.place for entry in found.words() if entry.weight == "A"}
    assert places["15"] + 1 == places["qd"] == places["ubnd"] - 1
    assert (description.dossier.starts_on, description.dossier.ends_on) == (date(2001, 1, 1), date(2001, 12, 31))


def test_the_sample_is_described_whole() -> None:
    for data in sample_manifests():
        description = described(data)
        parsed = parse(data)
        assert len(description.documents) == len(parsed.documents)
        assert [dict(entry.metadata) for entry in description.documents] == [dict(e.metadata) for e in parsed.documents]
        assert description.dossier.metadata == parsed.dossier
        assert description.dossier.label is Level.NONE
        assert all(entry.subject and entry.number and entry.issued_on for entry in description.documents)


def test_a_stub_is_found_by_ordinal_place_date_and_dossier_code_alone() -> None:
    data = manifest([document(1, "mở"), stub(37, "mat", "Kho Đông")], title="Tên hồ sơ kín đáo", code="P012.9")
    description = described(data, levels={1: "mat"})
    assert description.documents[1].label is Level.MAT
    assert keys(description, 1) == {"37", "kho", "dong", "đông", "p012", "9", "2022-02-05", "2022-02", "2022"}


@pytest.mark.parametrize("level", ["mat", "toi_mat", "tuyet_mat"])
def test_above_none_only_what_a_stub_may_say_is_described(level: str) -> None:
    secret = document(
        1,
        "nội dung",
        files=["kín.pdf"],
        secrecy={"level": level, "issued_on": "2026-01-01"},
        signer="Ông A",
        other={"x": "lạ"},
    )
    (found,) = described(manifest([secret]), levels={0: level}).documents
    assert (found.subject, found.signer, found.issuer, found.type_name) == (None, None, None, None)
    assert set(found.metadata) <= {"issued_on"}
    assert not {"noi", "dung", "la", "ong", "kin"} & {entry.key for entry in found.words()}


def test_a_document_finds_its_dossiers_title_only_where_the_dossier_is_not_above_it() -> None:
    secrecy = {"level": "mat", "issued_on": "2026-01-01"}
    open_one, kin = document(1, "một"), document(2, "hai", secrecy=secrecy)
    description = described(manifest([open_one, kin], title="Chuyên đề", secrecy=secrecy), levels={1: "mat"})
    assert description.dossier.label is Level.MAT
    assert description.dossier.title is None
    assert "chuyen" not in keys(description, 0) | keys(description, 1)


def test_an_unknown_level_of_a_dossier_or_stub_counts_as_the_highest() -> None:
    description = described(manifest([stub(1, "gì đó")], secrecy={"level": "khác"}))
    assert description.dossier.label is Level.TUYET_MAT
    assert description.documents[0].label is Level.TUYET_MAT


def test_values_that_no_column_holds_are_kept_and_found() -> None:
    data = manifest(
        [document(1, "một", keyword="thủy lợi", other={"Cột": ["giá trị", {"sâu": "hơn", "số": 42, "có": True}]})]
    )
    description = described(data)
    assert {"thuy", "loi", "gia", "tri", "hon", "42"} <= keys(description)
    assert description.documents[0].metadata["other"] == {"Cột": ["giá trị", {"sâu": "hơn", "số": 42, "có": True}]}


def test_components_are_found_by_their_file_names() -> None:
    description = described(manifest([document(1, "một", files=["Thư mục/P012.001.001.pdf", "ảnh chụp"])]))
    assert {"p012", "1", "anh", "chup"} <= keys(description)
    assert "pdf" not in keys(description)


def test_component_ids_follow_the_event_and_skip_what_is_not_held() -> None:
    data = manifest(
        [document(1, "một", files=["a", "b"]), document(2, "hai", files=["c"]), document(3, "ba", files=["d"])]
    )
    message = sealed(data, not_planned=["/documents/1"])
    deposit = deposit_of(message)
    held = describe(deposit, parse(data)).components
    assert [entry.name for entry in held] == ["a", "b", "d"]
    assert [entry.id for entry in held] == list(deposit.components)
    assert [entry.position for entry in held] == [0, 1, 2]


def test_ids_are_the_same_each_time_and_a_dossiers_in_each_version() -> None:
    data = manifest([document(1, "một"), document(2, "hai")])
    message = sealed(data)
    first, second = (describe(deposit_of(message), parse(data)) for _ in range(2))
    assert first == second
    later = described(data, chain=message.package, version=2)
    assert later.dossier.id == first.dossier.id
    assert not {entry.id for entry in later.documents} & {entry.id for entry in first.documents}


def test_a_manifest_of_another_digest_is_not_described() -> None:
    data = manifest([document(1, "một")])
    other = manifest([document(1, "hai")])
    with pytest.raises(SealUnfit):
        describe(deposit_of(sealed(data)), parse(other))
    assert hashlib.sha256(data).digest() != hashlib.sha256(other).digest()
