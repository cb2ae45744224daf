"""A plain folder with one small description is a dossier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.agency.errors import UsageError
from services.agency.folder import read_folder

DESCRIPTION = {
    "profile": "party",
    "fonds": "P012",
    "creator": "000.00.47.A47",
    "dossier": {"title": "Hồ sơ mẫu", "dossier_code": "P012.01.001"},
    "defaults": {"secrecy": "none", "type_name": "Báo cáo", "issued_on": "03/01/2008"},
}


def _folder(tmp_path: Path, description: object, *names: str) -> Path:
    (tmp_path / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    for name in names:
        (tmp_path / name).write_bytes(b"%PDF")
    return tmp_path


def test_without_documents_each_file_is_one_named_after_itself(tmp_path: Path) -> None:
    [delivery] = read_folder(_folder(tmp_path, DESCRIPTION, "b.pdf", "a.pdf"))
    assert delivery.findings == []
    [dossier] = delivery.dossiers
    assert (dossier.label, dossier.fonds, dossier.profile) == ("P012.01.001", "P012", "party")
    assert [document.metadata["subject"] for document in dossier.documents] == ["a", "b"]
    assert [document.secrecy for document in dossier.documents] == [{"level": "none"}] * 2
    assert [document.files[0].name for document in dossier.documents] == ["a.pdf", "b.pdf"]


def test_documents_name_their_files_and_override_the_defaults(tmp_path: Path) -> None:
    documents = [{"files": ["a.pdf", "b.pdf"], "subject": "Hai tệp", "secrecy": "mat", "type_name": "Công văn"}]
    [delivery] = read_folder(_folder(tmp_path, DESCRIPTION | {"documents": documents}, "a.pdf", "b.pdf", "c.pdf"))
    [document] = delivery.dossiers[0].documents
    assert document.metadata == {"subject": "Hai tệp", "type_name": "Công văn", "issued_on": "03/01/2008"}
    assert document.secrecy["level"] == "mat"
    assert [(finding.code, finding.value) for finding in delivery.findings] == [("file-unclaimed", "c.pdf")]


def test_secrecy_is_never_assumed(tmp_path: Path) -> None:
    [delivery] = read_folder(_folder(tmp_path, DESCRIPTION | {"defaults": {}}, "a.pdf"))
    assert [(finding.code, finding.place) for finding in delivery.findings] == [
        ("required-missing", "ho-so.json!/documents/0/secrecy")
    ]


def test_a_toml_description_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "ho-so.toml").write_text(
        'fonds = "P012"\ncreator = "H47"\n[dossier]\ntitle = "t"\nstart_date = 2008-01-02\n'
        '[defaults]\nsecrecy = {level = "mat", issued_on = 2008-01-03}\n',
        "utf-8",
    )
    (tmp_path / "a.pdf").write_bytes(b"x")
    [delivery] = read_folder(tmp_path)
    assert delivery.dossiers[0].metadata["start_date"] == "02/01/2008"
    assert delivery.dossiers[0].documents[0].secrecy["issued_on"] == "2008-01-03"


def test_described_subfolders_are_dossiers_each(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        _folder(tmp_path / name, DESCRIPTION, "a.pdf")
    assert len(read_folder(tmp_path)) == 2


@pytest.mark.parametrize(
    "description",
    [
        [],
        DESCRIPTION | {"fonds": ""},
        DESCRIPTION | {"profile": "khác"},
        DESCRIPTION | {"dossier": []},
        DESCRIPTION | {"documents": {}},
        DESCRIPTION | {"documents": [{"files": [1]}]},
        DESCRIPTION | {"titel": "x"},
    ],
)
def test_a_wrong_description_says_where(tmp_path: Path, description: object) -> None:
    with pytest.raises(UsageError) as caught:
        read_folder(_folder(tmp_path, description))
    assert "ho-so.json" in caught.value.text.vi


def test_a_folder_without_description_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="description-missing"):
        read_folder(tmp_path)
