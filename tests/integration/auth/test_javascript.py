"""A client in JavaScript with a P-256 key, against auth as a process; what that process imports meanwhile."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.integration.auth.test_process import Place, enrol, place, written
from tests.support.components import did_not_run, took_part
from tests.support.enrolled import p256

__all__ = ["place"]

PROGRAM: Final = Path(__file__).parents[2] / "e2e" / "js" / "es256.mjs"
COMPONENT: Final = "JavaScript (ES256)"


async def test_es256_from_javascript_is_taken_and_der_is_not(place: Place, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        did_not_run(COMPONENT, "no node here")
        pytest.skip(f"{COMPONENT} NOT TESTED: no node here")
    took_part(COMPONENT, "node:crypto")
    key = p256()
    async with place.running():
        made = await asyncio.to_thread(enrol, place, key, "registrar")
        process = await asyncio.create_subprocess_exec(
            node,
            str(PROGRAM),
            place.origin,
            str(made["id"]),
            str(written(tmp_path / "key.pem", key)),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_EXTRA_CA_CERTS": str(place.tls.ca)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    assert json.loads(printed) == {
        "token": 200,
        "read": 200,
        "write": 201,
        "der_token": "assertion-signature-der-encoded",
        "der_read": "signature-der-encoded",
        "der_write": "signature-der-encoded",
    }


async def test_a_serving_process_never_imports_the_ecdsa_package(place: Place, tmp_path: Path) -> None:
    """CVE-2024-23342 is not mended there. Python itself lists what it imports while tokens are asked for and judged."""
    listed = tmp_path / "imports"
    watched = replace(place, environment={**place.environment, "PYTHONPROFILEIMPORTTIME": "1"})
    async with watched.running(stderr=listed):
        await asyncio.to_thread(enrol, place, p256(), "submitter")
        client = place.client()
        assert (await client.request("GET", f"{place.origin}/v1/registry/facts?after=0")).status == 200
        await client.close()
    imported = {line.rpartition("|")[2].strip() for line in listed.read_text("utf-8").splitlines()}
    assert {"jose.jws", "jose.backends.cryptography_backend", "services.runtime.tokens"} <= imported
    assert {name for name in imported if name.partition(".")[0] in ("ecdsa", "rsa", "Crypto", "pyasn1")} == set()
