"""The key ceremony works as printed: its commands, in their order, on a real SoftHSM, beside a real database."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from deploy.onebox.private_keys import public_of
from services.kernel.identifiers import FondsId
from services.kernel.sealing.keys import kek_name
from services.kernel.secrecy import Level
from services.runtime.kms.pkcs11 import TokenKeys, TokenSettings
from services.runtime.kms.settings import KmsSettings
from tests.support.components import did_not_run, took_part
from tests.support.key_rows import fill
from tests.support.postgres import Database
from tests.support.tokens import SOFTHSM_MISSING, softhsm

KEYS = Path(__file__).parents[2] / "deploy" / "keys"
TEXT = (KEYS / "README.md").read_text("utf-8")
OPENSC_MISSING = "pkcs11-tool is not installed here: apt-get install opensc"


def printed(name: str) -> str:
    """The block of this name."""
    [found] = re.findall(rf"^```sh {name}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


class Shell:
    """One shell for the whole ceremony: what a block sets, the next one has. Places differ from the printed ones; no more."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._before = ""
        self._folder, self._library = folder, library
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/usr/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
        }

    def run(self, name: str, *, status: int = 0) -> subprocess.CompletedProcess[str]:
        block = printed(name).replace("/usr/lib/softhsm/libsofthsm2.so", str(self._library))
        for place in ("/etc/nopluu", "/var/lib/nopluu"):
            block = block.replace(place, f"{self._folder}{place}")
        state = self._folder / "state"
        script = f"set -euo pipefail\n{self._before}{block}\nexport -p > {state}\ndeclare -p SO_PIN USER_PIN >> {state} 2>&- || true\n"
        done = subprocess.run(
            ["bash", "-c", script], env=self.environment, capture_output=True, text=True, timeout=110, check=False
        )
        assert done.returncode == status, f"{name}: {done.stdout}{done.stderr}"
        if status == 0:
            self._before = f". {state}\n"
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    library = softhsm()
    if library is None:
        did_not_run("SoftHSM", SOFTHSM_MISSING)
        pytest.skip(SOFTHSM_MISSING)
    took_part("SoftHSM", "the key ceremony as printed")
    (tmp_path / "etc" / "nopluu").mkdir(parents=True)
    (tmp_path / "var" / "lib" / "nopluu").mkdir(parents=True)
    return Shell(tmp_path, library)


def initialised(shell: Shell) -> None:
    for name in ("prepare", "pins", "initialise", "forget", "prove"):
        done = shell.run(name)
    assert json.loads(done.stdout) == {"kms": "pkcs11", "healthy": True}


def test_the_token_is_made_proved_and_copied(shell: Shell, tmp_path: Path) -> None:
    initialised(shell)
    assert (tmp_path / "etc/nopluu/hsm-pin").stat().st_mode & 0o777 == 0o600
    if shutil.which("pkcs11-tool") is None:
        did_not_run("OpenSC", OPENSC_MISSING)
    else:
        took_part("OpenSC", "looks at the token")
        seen = shell.run("inspect").stdout
        assert "nopluu/proof" in seen
        assert re.search(r"Usage:\s+wrap, unwrap\n", seen)
        assert re.search(r"Access:\s+sensitive, always sensitive, never extractable, local\n", seen)
    assert re.match(r"[0-9a-f]{64}  ", shell.run("copy").stdout)
    assert json.loads(shell.run("restore").stdout) == {"kms": "pkcs11", "healthy": True}


def test_another_pin_is_not_healthy(shell: Shell, tmp_path: Path) -> None:
    initialised(shell)
    (tmp_path / "etc/nopluu/hsm-pin").write_text("another\n")
    assert '"healthy": false' in shell.run("prove", status=1).stdout


async def test_a_kek_is_rotated_and_retired_as_printed(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialised(shell)
    monkeypatch.setenv("SOFTHSM2_CONF", f"{tmp_path}/etc/nopluu/softhsm2.conf")
    library = softhsm()
    assert library is not None
    kms = TokenKeys(TokenSettings(library, "nopluu", tmp_path / "etc/nopluu/hsm-pin"), timeout=60)
    kek = kek_name(FondsId(uuid4()), Level.NONE, 2026)
    await fill(database.admin_url, kms, kek, 3)
    shell.environment |= _service(database, tmp_path) | {"KEK": kek}

    found = json.loads(shell.run("status").stdout)
    assert found["kms"] is True
    assert [(entry["kek"], entry["package_keys"]) for entry in found["keks"]] == [(kek, {"1": 3})]
    assert json.loads(shell.run("rotate").stdout) == {"kek": kek, "version": 2}
    found = json.loads(shell.run("status").stdout)
    assert (found["keks"][0]["behind"], found["keks"][0]["rotation"]["version"]) == (3, 2)

    def refused(word: str) -> None:
        assert f'"refused": "{word}"' in shell.run("retire", status=1).stderr
        assert f"`{word}`" in TEXT

    refused("too-early")
    with psycopg.connect(database.admin_url) as owner:
        owner.execute("UPDATE ingest.kek_rotation SET rotated_at = rotated_at - interval '2 hours'")
    refused("rows")
    with psycopg.connect(database.admin_url) as owner:  # what the worker does
        rows = owner.execute("SELECT package, wrapped FROM ingest.package_key").fetchall()
        moved = await kms.rewrap(kek, [wrapped for _, wrapped in rows])
        for (package, _), wrapped in zip(rows, moved, strict=True):
            owner.execute("UPDATE ingest.package_key SET wrapped = %s WHERE package = %s", (wrapped, package))
    assert json.loads(shell.run("retire").stdout) == {"kek": kek, "destroyed_through": 1, "records_renewed": 0}
    assert len(await kms.unwrap_many(kek, moved)) == 3
    await kms.close()


@pytest.mark.parametrize("sample", ["ingest-pkcs11.env", "ingest-transit.env"])
def test_the_samples_name_one_kms(sample: str) -> None:
    lines = (KEYS / sample).read_text("utf-8").splitlines()
    told = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    settings = KmsSettings.model_validate({name.removeprefix("NOPLUU_").lower(): value for name, value in told.items()})
    assert settings.kms_kind == sample.removeprefix("ingest-").removesuffix(".env")
    assert {name.removeprefix("NOPLUU_").lower() for name in told} <= set(KmsSettings.model_fields)


def _service(database: Database, folder: Path) -> dict[str, str]:
    """Ingest's other settings. Nothing is served, and the store is not asked."""
    files = {name: folder / name for name in ("database_url_file", "store_access_key_file", "store_secret_key_file")}
    for file in files.values():
        file.write_text("x", encoding="utf-8")
    files["database_url_file"].write_text(database.url_for("nopluu_ingest"), encoding="utf-8")
    key = folder / "grant.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True, capture_output=True)
    told = {
        "secrecy_profile": "open",
        "origin": "https://ingest.example",
        "auth_origin": "https://auth.example",
        "ingest_origin": "https://ingest.example",
        "catalog_origin": "https://catalog.example",
        "audience": "nopluu",
        "listen": f"unix:{folder}/ingest.sock",
        "admin_listen": "127.0.0.1:0",
        "store_endpoint": "http://127.0.0.1:1",
        "store_bucket": "nowhere",
        "grant_key_file": str(public_of(key)),
        **{name: str(file) for name, file in files.items()},
    }
    return {f"NOPLUU_{name.upper()}": value for name, value in told.items()}
