"""What the agency's own code writes, the gateway takes: one reading of the law on both sides."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from services.agency.delivery import Delivery
from services.agency.folder import read_folder
from services.agency.manifests import manifest_of
from services.agency.preparing import prepare, read_sheet
from services.agency.sheets.paths import FolderIndex
from services.kernel.manifest import Manifest, parse
from services.kernel.rules import CompiledBundle, baseline_bundle, compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Effect
from tests.support.deliveries import make_delivery

SAMPLES = Path(__file__).parents[2] / "data" / "dossiers"
TODAY = date(2026, 11, 24)
SUBMITTER = "000.00.47.A47"


@pytest.fixture(scope="module")
def rules() -> CompiledBundle:
    return compile_bundle(load_bundle(baseline_bundle(1, TODAY)))


def _declared(delivery: Delivery) -> list[Manifest]:
    prepare(delivery, deployment=DeploymentProfile.OPEN, today=TODAY)
    sound = [dossier for dossier in delivery.dossiers if not delivery.broken(dossier)]
    return [parse(manifest_of(dossier, submitter=SUBMITTER, digests={})) for dossier in sound]


def _effects(rules: CompiledBundle, manifest: Manifest) -> list[Effect]:
    return [verdict.effect for verdict in rules.judge(manifest, today=TODAY, deployment=DeploymentProfile.OPEN)]


def test_the_clean_sample_is_taken_and_plainly_admitted(rules: CompiledBundle) -> None:
    folder = SAMPLES / "party-clean"
    manifests = _declared(read_sheet(folder / "muc-luc.xlsx", folder / "scans", layout="party-flat", today=TODAY))
    assert [len(manifest.documents) for manifest in manifests] == [5, 4, 3, 4]
    assert [manifest.warnings for manifest in manifests] == [()] * 4
    assert all(_effects(rules, manifest) == [Effect.ADMIT] * len(manifest.documents) for manifest in manifests)


def test_a_synthetic_folder_is_taken(rules: CompiledBundle, tmp_path: Path) -> None:
    made = make_delivery(tmp_path / "d", files=7, size=500, seed=3, per_document=2)
    [manifest] = [found for delivery in read_folder(made.folder) for found in _declared(delivery)]
    assert sum(len(document.components) for document in manifest.documents) == 7
    assert set(_effects(rules, manifest)) == {Effect.ADMIT}


def test_a_folder_with_a_secret_an_expired_secret_and_an_empty_file_is_taken(
    rules: CompiledBundle, tmp_path: Path
) -> None:
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        (tmp_path / name).write_bytes(b"" if name == "c.pdf" else b"%PDF")
    secret = {"level": "mat", "issued_on": "2020-03-04", "paper_location": "Kho 1"}
    expired = {"level": "mat", "issued_on": "2008-03-04"}
    description = {
        "fonds": "P012",
        "creator": "000.00.47.A47",
        "dossier": {"title": "Hồ sơ"},
        "documents": [
            {"file": "a.pdf", "subject": "Không được rời máy", "secrecy": secret},
            {"file": "b.pdf", "subject": "Đã hết thời hạn", "secrecy": expired},
            {"file": "c.pdf", "subject": "Tệp rỗng", "secrecy": "none"},
        ],
    }
    (tmp_path / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    [manifest] = [found for delivery in read_folder(tmp_path) for found in _declared(delivery)]
    assert manifest.documents[0].secrecy.stub
    assert manifest.documents[0].components == ()
    assert _effects(rules, manifest) == [Effect.WITHHOLD, Effect.ADMIT, Effect.ADMIT]


def test_a_folder_in_toml_of_profile_tt05_is_taken(tmp_path: Path) -> None:
    (tmp_path / "ho-so.toml").write_text(
        'profile = "tt05"\nfonds = "P012"\ncreator = "H47.12"\n'
        '[dossier]\nfileCode = "H47.1"\ntitle = "t"\nmaintenance = "01"\nmode = "01"\nlanguage = "01"\n'
        "startDate = 2008-01-02\nendDate = 2008-12-28\ntotalDoc = 1\nnumberOfPage = 1\nriskRecovery = false\n"
        '[defaults]\nsecrecy = "none"\ndocId = "A47.1"\n',
        "utf-8",
    )
    (tmp_path / "a.pdf").write_bytes(b"x")
    [manifest] = [found for delivery in read_folder(tmp_path) for found in _declared(delivery)]
    assert manifest.dossier["startDate"] == "02/01/2008"


def test_a_name_the_gateway_refuses_is_already_found_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "hóa\u202efdp.exe").write_bytes(b"x")
    (tmp_path / "được.pdf").write_bytes(b"x")
    index = FolderIndex(tmp_path)
    assert [file.name for file in index.files] == ["được.pdf"]
    assert len(index.unsafe) == 1


def test_the_published_vectors_are_read_and_judged_as_they_say(rules: CompiledBundle) -> None:
    folder = Path(__file__).parents[2] / "vectors" / "manifests"
    for name, said in json.loads((folder / "sound.json").read_text("utf-8")).items():
        manifest = parse((folder / name).read_bytes())
        assert manifest.sha256.hex() == said["sha256"]
        assert len(manifest.documents) == said["documents"]
        assert sum(len(document.components) for document in manifest.documents) == said["components"]
        assert [effect.wire for effect in _effects(rules, manifest)] == said["effects_open_2026_11_24"]
