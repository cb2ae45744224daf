"""`nopluu keygen` and `key-offer`, and openssl alone: what the registrar is sent is a proof that the gateway reads."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.agency import keys
from services.agency.cli.main import run
from services.agency.errors import Exit
from services.kernel.signing.key_proofs import KeyProof, read_key_proof
from services.kernel.signing.keys import thumbprint

ISSUER = "https://auth.example"
CLIENT = "01930000-0000-7000-8000-000000000001"
SAMPLE = Path(__file__).parents[3] / "deploy" / "samples" / "key-offer.sh"


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def read(line: str) -> KeyProof:
    return read_key_proof(line, issuer=ISSUER, now=datetime.now(UTC))


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_new_key_comes_with_its_offer(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path, offer = tmp_path / "key.pem", tmp_path / "offer.txt"
    arguments = ["--issuer", f"{ISSUER}/", "--agency", "000.00.47.A47", "--offer", str(offer), "--json"]
    assert run(["keygen", str(path), "--type", kind, *arguments]) == Exit.DONE
    key, line = said(capsys)
    assert (key["message_type"], line["message_type"]) == ("key", "key_offer")
    assert offer.read_text() == line["proof"] + "\n"
    proved = read(line["proof"])
    assert proved.party == "000.00.47.A47"
    assert thumbprint(proved.key) == key["kid"] == thumbprint(keys.load(path).public_key())


def test_a_key_is_offered_anew_for_a_client_that_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key.pem"
    assert run(["keygen", str(path), "--json"]) == Exit.DONE
    (made,) = said(capsys)
    seen = set()
    for _ in range(2):
        assert run(["key-offer", str(path), "--issuer", ISSUER, "--client", CLIENT, "--json"]) == Exit.DONE
        key, line = said(capsys)
        assert key["kid"] == made["kid"]
        proved = read(line["proof"])
        assert proved.party == UUID(CLIENT)
        seen.add(proved.jti)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--agency", "000.00.47.A47"], "key-offer-issuer"),
        (["--offer", "x"], "key-offer-issuer"),
        (["--issuer", ISSUER], "key-offer-party"),
        (["--issuer", ISSUER, "--agency", "H47", "--client", CLIENT], "key-offer-party"),
        (["--issuer", ISSUER, "--agency", "Sở Nội vụ"], "key-offer-party"),
    ],
)
def test_an_offer_to_nobody_makes_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    path = tmp_path / "key.pem"
    assert run(["keygen", str(path), *arguments]) == Exit.USAGE
    assert f"[{code}]" in "".join(capsys.readouterr())
    assert not path.exists()
    assert run(["keygen", str(path)]) == Exit.DONE
    capsys.readouterr()
    assert run(["key-offer", str(path), *arguments]) == Exit.USAGE
    assert f"[{code}]" in "".join(capsys.readouterr())


@pytest.mark.parametrize(("party", "who"), [("agency", "H47.12"), ("client_id", CLIENT)])
def test_openssl_alone_makes_an_offer(tmp_path: Path, party: str, who: str) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    path.chmod(0o600)
    done = subprocess.run([SAMPLE, ISSUER, path, party, who], check=True, capture_output=True, text=True)
    proved = read(done.stdout.rstrip("\n"))
    assert str(proved.party) == who
    assert f"kid: {thumbprint(keys.load(path).public_key())}\n" == done.stderr
    assert thumbprint(proved.key) in done.stderr
