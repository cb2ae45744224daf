"""A manifest is taken as a whole or refused with every place that must be mended."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from services.kernel.manifest import component_bound, parse
from services.kernel.manifest.findings import FINDINGS
from services.kernel.refusals.manifests import ManifestInvalid, ManifestNotJson, ManifestTooComplex, ManifestTooLarge
from services.kernel.secrecy import Extension, Level
from tests.unit.kernel.manifests import Json, bent, component, document, encoded, manifest, parsed, problems, stub

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "manifests" / "faults.json").read_text("utf-8"))


@pytest.mark.parametrize("profile", ["party", "tt02", "tt05"])
def test_a_sound_manifest_is_read_as_it_was_sent(profile: str) -> None:
    value = manifest(profile=profile, transfer="DOT-01", supersedes="0198b7a0-0000-7000-8000-000000000001")
    read = parsed(value)
    assert (read.profile, read.fonds, read.creator, read.submitter) == (profile, "P012", "000.00.47.A47", "H47.12")
    assert (read.transfer, read.supersedes) == ("DOT-01", UUID("0198b7a0-0000-7000-8000-000000000001"))
    assert read.dossier == value["dossier"]["metadata"]
    assert read.dossier_secrecy is None
    assert [entry.metadata for entry in read.documents] == [value["documents"][0]["metadata"]]
    [file] = read.documents[0].components
    assert (file.name, file.size, file.sha256.hex()) == (
        "P012/001/a.pdf",
        4,
        value["documents"][0]["components"][0]["sha256"],
    )
    assert read.warnings == ()


def test_the_digest_is_that_of_the_bytes_as_received() -> None:
    spaced = json.dumps(manifest(), indent=3).encode()
    plain = json.dumps(manifest()).encode()
    assert parse(spaced).sha256 != parse(plain).sha256
    assert parse(spaced).documents == parse(plain).documents


def test_metadata_the_profile_does_not_know_are_kept_in_any_shape() -> None:
    other = {"other": {"Ghi chú riêng": "abc", "Danh sách": [1, None, {"x": True}]}, "mới": "giữ nguyên"}
    value = bent(manifest(), "/documents/0/metadata", document()["metadata"] | other)
    assert parsed(value).documents[0].metadata["other"] == other["other"]
    assert parsed(value).documents[0].metadata["mới"] == "giữ nguyên"


def test_the_secrecy_object_is_read_whole() -> None:
    secrecy = {
        "level": "toi_mat",
        "issued_on": "2010-01-02",
        "classified_on": "2010-01-03",
        "expires_on": "2020-01-03",
        "extensions": [{"decided_on": "2019-10-01", "until": "2030-01-03"}],
        "declassified": {"on": "2024-05-01", "authority": "Tỉnh ủy", "relation": "superior", "number": "1/QĐ"},
        "list_item": "1630/QĐ-TTg:2.1",
        "permission": {"number": "12", "date": "2026-04-01", "authority": "A", "rank": "department_head", "copies": 2},
        "copying_forbidden": True,
        "register_entry": "45/2026",
        "capture_network": "none",
        "copies_made": 1,
        "paper_location": "Kho 2",
    }
    read = parsed(manifest(document(secrecy=secrecy))).documents[0].secrecy
    assert (read.level, read.issued_on, read.classified_on) == (Level.TOI_MAT, date(2010, 1, 2), date(2010, 1, 3))
    assert read.extensions == (Extension(date(2019, 10, 1), date(2030, 1, 3)),)
    assert (read.declassified_on, read.declassified_by, read.declassified_as) == (
        date(2024, 5, 1),
        "Tỉnh ủy",
        "superior",
    )
    assert (read.permission, read.permission_on, read.permission_by) == ("12", date(2026, 4, 1), "A")
    assert (read.permission_rank, read.copies_allowed, read.copies_made) == ("department_head", 2, 1)
    assert (read.copying_forbidden, read.register_entry, read.capture_network) == (True, "45/2026", "none")
    assert (read.list_item, read.paper_location, read.stub) == ("1630/QĐ-TTg:2.1", "Kho 2", False)


@pytest.mark.parametrize("level", [..., "mật", "Mat", "secret", None])
def test_an_unknown_level_is_kept_for_the_rules_to_refuse(level: object) -> None:
    value = bent(manifest(), "/documents/0/secrecy/level", level)
    assert parsed(value).documents[0].secrecy.level is None
    assert parsed(bent(manifest(), "/documents/0/secrecy", ...)).documents[0].secrecy.level is None


@pytest.mark.parametrize("case", CASES, ids=[f"{case['code']}:{case['at']}" for case in CASES])
def test_each_fault_is_found_where_it_stands(case: Json) -> None:
    sound = manifest(document(1), document(2), profile="party")
    sound["documents"][1]["components"].append(component("P012/002/b.pdf"))
    if case.get("stub"):
        sound["documents"][0] = stub()
    if case.get("profile"):
        sound = manifest(profile=case["profile"])
    assert problems(sound) == []
    faulty = bent(sound, case["at"], case["value"]) if "value" in case else bent(sound, case["at"], ...)
    assert problems(faulty) == [(case.get("pointer", case["at"]), case["code"])]


def test_the_vectors_produce_every_finding() -> None:
    warned = {"name-differs-in-case", "document-count-differs"}
    assert {case["code"] for case in CASES} | warned | {"payload-too-large", "text-too-long"} >= set(FINDINGS)


def test_all_faults_come_in_one_answer() -> None:
    value = manifest(*(document(ordinal) for ordinal in range(1, 20_001)))
    for wrong in range(0, 20_000, 20):
        value["documents"][wrong]["metadata"]["issued_on"] = "31/02/2008"
    with pytest.raises(ManifestInvalid) as refused:
        parsed(value)
    pointers = [pointer.pointer for pointer in refused.value.pointers]
    assert pointers == [f"/documents/{wrong}/metadata/issued_on" for wrong in range(0, 20_000, 20)]
    assert refused.value.facts["problems"] == len(pointers) == 1000


def test_a_finding_never_quotes_the_manifest() -> None:
    secret = "BÍ MẬT VỀ NHÂN SỰ"
    value = manifest(
        document(
            metadata={"subject": secret + "\x01", secret + "\x02": "x", "type_name": secret, "issued_on": secret},
            secrecy={"level": "mat", secret: 1, "issued_on": secret, "capture_network": secret},
            components=[
                component(f"{secret}/../x"),
                {**component(), secret: 1, "media_type": secret, "sha256": secret},
            ],
        ),
        fonds=secret * 20,
        creator=secret,
    )
    value[secret] = 1
    value["supersedes"] = secret
    with pytest.raises(ManifestInvalid) as refused:
        parsed(value)
    assert len(refused.value.pointers) > 8
    assert secret not in repr(refused.value.pointers)


def test_warnings_keep_nothing_from_being_declared() -> None:
    value = manifest(document(1), document(2, components=[component("p012/001/A.PDF")]))
    value["dossier"]["metadata"]["document_count"] = 5
    found = [(warning.pointer, warning.code) for warning in parsed(value).warnings]
    assert found == [
        ("/documents/1/components/0/name", "name-differs-in-case"),
        ("/dossier/metadata/document_count", "document-count-differs"),
    ]


def test_a_cover_is_no_document_to_be_counted_and_needs_no_subject() -> None:
    cover = document(2, metadata={"type_name": "Bìa hồ sơ"})
    value = manifest(document(1), cover)
    value["dossier"]["metadata"]["document_count"] = 1
    assert parsed(value).warnings == ()


def test_the_payload_as_a_whole_is_bounded() -> None:
    huge = component() | {"size": 2**53 - 1, "sha256": "1" * 64}
    value = manifest(document(components=[huge, huge | {"name": "b"}]))
    assert problems(value) == [("/documents/0/components/1/size", "payload-too-large")]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"a":1,"a":2}', b'{"a":1.5}', b'{"a":NaN}', b"\xff", b"\xef\xbb\xbf{}", b"[" * 100 + b"]" * 100],
)
def test_what_is_not_strict_json_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(ManifestNotJson):
        parse(data)


def test_size_and_number_of_values_are_bounded_before_parsing() -> None:
    with pytest.raises(ManifestTooLarge):
        parse(b" " * 101, max_bytes=100)
    with pytest.raises(ManifestTooComplex):
        parse(b'{"documents":[' + b"[],[]," * 1_000_000 + b"[]]}")


def test_the_bound_of_components_is_never_too_low() -> None:
    value = manifest(document(components=[component(f"{at}.pdf") for at in range(7)]))
    assert component_bound(encoded(value)) == 7
    assert component_bound(encoded(value).replace(b'"sha256"', b'"\\u0073ha256"')) >= 7
    assert parse(encoded(value).replace(b'"sha256"', b'"\\u0073ha256"')).documents[0].components


def test_every_refusal_can_be_told_in_both_languages() -> None:
    for data in (b"{", b"\xff", b'{"a":1,"a":2}', b'{"format":"nopluu/manifest1"}'):
        with pytest.raises((ManifestNotJson, ManifestInvalid)) as refused:
            parse(data)
        told = refused.value.detail.filled(refused.value.facts)
        assert told.vi
        assert told.en
        assert "{" not in told.vi + told.en
