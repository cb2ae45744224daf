"""Clients that have nothing of ours: curl with openssl, and JavaScript, each written from the documents alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from deploy.onebox.stack import OneBox
from tests.support.components import did_not_run, took_part
from tests.support.first_push import Dossier, require_proof, small_dossier

SAMPLE: Final = Path(__file__).parents[2] / "deploy" / "samples" / "first-push.sh"
README: Final = Path(__file__).parents[2] / "README.md"
JS: Final = Path(__file__).parent / "js"
MIB: Final = 1024 * 1024


def need(component: str, *programs: str) -> None:
    """Skip where a program is missing, and let the run's last lines say so."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        did_not_run(component, f"no {', '.join(missing)} here")
        pytest.skip(f"{component} NOT TESTED: no {', '.join(missing)} here")


def run(box: OneBox, command: list[str], dossier: Dossier, receipt: Path, **environment: str) -> str:
    """Push the dossier; returns what the client printed: the package's id."""
    profile = box.profile("agency")
    arguments = [profile.gateway, str(profile.client_id), str(profile.key_file)]
    arguments += [str(dossier.manifest), str(dossier.files), str(receipt)]
    ca = str(profile.ca_file)
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin",
            "CURL_CA_BUNDLE": ca,
            "NODE_EXTRA_CA_CERTS": ca,
            **environment,
        },
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(UUID(done.stdout.strip()))


def curl(box: OneBox, dossier: Dossier, receipt: Path) -> str:
    need("curl and openssl", "curl", "openssl", "python3")
    took_part(
        "curl and openssl",
        subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split()[1],
    )
    return run(box, ["bash", str(SAMPLE)], dossier, receipt)


def test_the_sample_with_curl_and_openssl_makes_a_first_push(box: OneBox, tmp_path: Path) -> None:
    dossier, receipt = small_dossier(tmp_path), tmp_path / "receipt.json"
    package = curl(box, dossier, receipt)
    require_proof(box, dossier, receipt, package)
    # The same manifest again is the same package; nothing breaks where everything is there already.
    assert curl(box, dossier, receipt) == package


def test_the_sample_sends_several_parts(box: OneBox, tmp_path: Path) -> None:
    dossier = small_dossier(tmp_path, sizes=(9 * MIB, 0, 8 * MIB))
    receipt = tmp_path / "receipt.json"
    require_proof(box, dossier, receipt, curl(box, dossier, receipt))


def test_the_sample_tells_what_the_gateway_refused(box: OneBox, tmp_path: Path) -> None:
    dossier = small_dossier(tmp_path)
    manifest = json.loads(dossier.manifest.read_text("utf-8"))
    del manifest["documents"][0]["secrecy"]["level"]
    dossier.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(AssertionError, match="package-refused-by-rules"):
        curl(box, dossier, tmp_path / "receipt.json")
    assert not (tmp_path / "receipt.json").exists()


def test_what_the_readme_shows_of_the_sample_is_what_runs() -> None:
    [shown] = re.findall(r"^```bash\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in SAMPLE.read_text("utf-8").splitlines()]
    assert [line for line in lines if line in shown.splitlines()] == shown.splitlines()


def test_a_client_in_javascript_makes_a_first_push(box: OneBox, tmp_path: Path) -> None:
    need("JavaScript (node:crypto)", "node")
    took_part("JavaScript (node:crypto)", node_version())
    dossier, receipt = small_dossier(tmp_path, sizes=(9 * MIB, 0, 1)), tmp_path / "receipt.json"
    package = run(box, ["node", str(JS / "first-push.mjs")], dossier, receipt)
    require_proof(box, dossier, receipt, package)


def test_javascripts_http_message_signatures_signs_what_we_accept(box: OneBox, tmp_path: Path) -> None:
    component = "JavaScript (http-message-signatures)"
    need(component, "node", "npm")
    folder = tmp_path / "js"
    shutil.copytree(JS, folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if installed.returncode:
        did_not_run(component, "npm ci failed; there may be no network")
        pytest.skip(f"{component} NOT TESTED: npm ci failed: {installed.stderr[-300:]}")
    took_part(component, json.loads((folder / "package.json").read_text())["dependencies"]["http-message-signatures"])
    dossier, receipt = small_dossier(tmp_path), tmp_path / "receipt.json"
    package = run(box, ["node", str(folder / "first-push.mjs")], dossier, receipt, SIGN_WITH="http-message-signatures")
    require_proof(box, dossier, receipt, package)


def node_version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
