"""The vectors of key proofs: one fault each, and what a right one proves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.identifiers import ClientId, parse_agency_code
from services.kernel.refusals import Refusal
from services.kernel.signing.key_proofs import MAX_LIFETIME, Party, make_key_proof, read_key_proof
from services.kernel.signing.keys import thumbprint

VECTORS = sorted((Path(__file__).parents[2] / "vectors" / "key-proofs").glob("*.json"))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ISSUER = "https://auth.example"


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector(path: Path) -> None:
    vector = json.loads(path.read_text("utf-8"))
    now = datetime.fromtimestamp(vector["now"], UTC)
    assert outcome(vector["proof"], vector["issuer"], now) == vector["expected"]


def outcome(line: str, issuer: str, now: datetime) -> dict[str, str]:
    try:
        proved = read_key_proof(line, issuer=issuer, now=now)
    except Refusal as refusal:
        return {"code": refusal.code}
    return {"kid": thumbprint(proved.key), "party": str(proved.party)}


@given(
    st.one_of(st.uuids().map(ClientId), st.just(parse_agency_code("H47.12"))),
    st.integers(1, MAX_LIFETIME),
    st.floats(0, 1, exclude_max=True),
)
def test_what_is_made_is_read_until_it_expires_and_not_after(party: Party, lifetime: int, part: float) -> None:
    line = make_key_proof(KEY, party, issuer=ISSUER, now=NOW, jti="A" * 22, lifetime=lifetime)
    proved = read_key_proof(line, issuer=ISSUER, now=NOW + timedelta(seconds=int(lifetime * part)))
    assert (proved.party, proved.expires) == (party, NOW + timedelta(seconds=lifetime))
    with pytest.raises(Refusal, match="key-proof-expired"):
        read_key_proof(line, issuer=ISSUER, now=proved.expires)


@given(st.data())
def test_no_changed_character_is_taken(data: st.DataObject) -> None:
    line = make_key_proof(KEY, ClientId(UUID(int=7)), issuer=ISSUER, now=NOW, jti="A" * 22)
    place = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.sampled_from([letter for letter in "ABCabc019-_.=" if letter != line[place]]))
    with pytest.raises(Refusal):
        read_key_proof(line[:place] + other + line[place + 1 :], issuer=ISSUER, now=NOW)


@pytest.mark.parametrize("lifetime", [0, -1, MAX_LIFETIME + 1])
def test_no_proof_is_made_that_would_be_refused(lifetime: int) -> None:
    with pytest.raises(ValueError, match="7 days"):
        make_key_proof(KEY, ClientId(UUID(int=7)), issuer=ISSUER, now=NOW, jti="A" * 22, lifetime=lifetime)
