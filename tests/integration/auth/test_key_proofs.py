"""A key is enrolled only with a proof by its private half, for the party it was offered for; roles stay apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from services.auth.adapters.ledger_sql import SqlLedger
from services.auth.adapters.world import RealWorld
from services.auth.usecases.enrol_client import ClientOffer, VouchedKey, enrol_client
from services.auth.usecases.ports import Registrar
from services.kernel.identifiers import ClientId
from services.kernel.refusals.identity import ClientKeyUnusable
from services.kernel.signing import base64s
from services.kernel.signing.assertions import sign_compact
from services.kernel.signing.key_proofs import MAX_LIFETIME, TYP
from services.kernel.signing.keys import PrivateKey, jws_algorithm, to_jwk
from tests.integration.auth.conftest import CODE, ISSUER, Auth
from tests.integration.auth.test_registry import agency, events, facts, post
from tests.support.enrolled import ed25519, offered, p256, public_pem

OTHER = UUID("01930000-0000-7000-8000-000000000001")


def proof(key: PrivateKey, party: dict[str, object], header: dict[str, object] | None = None, **claims: object) -> str:
    """A right proof, but for what is given; a member of None is left out."""
    now = int(datetime.now(UTC).timestamp())
    right = {"aud": ISSUER, **party, "iat": now, "exp": now + 3600, "jti": "A" * 22}
    head = {"alg": jws_algorithm(key), "typ": TYP, "jwk": to_jwk(key.public_key()), **(header or {})}
    return sign_compact(
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in {**right, **claims}.items() if value is not None},
        key,
    )


def unsigned(key: PrivateKey, party: dict[str, object]) -> str:
    """Somebody else's public key, signed with one's own."""
    return proof(ed25519(), party, {"jwk": to_jwk(ed25519().public_key())})


def der(key: PrivateKey, party: dict[str, object]) -> str:
    """What `openssl dgst -sign` makes."""
    head, claims, signature = proof(key, party).split(".")
    raw = base64s.decode_url(signature)
    both = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return f"{head}.{claims}.{base64s.encode_url(encode_dss_signature(*both))}"


def later(**delta: int) -> int:
    return int((datetime.now(UTC) + timedelta(**delta)).timestamp())


Fault = Callable[[PrivateKey, dict[str, object]], str]
FAULTS: dict[str, tuple[Fault, str]] = {
    "no JWS": (lambda key, party: "x", "key-proof-malformed"),
    "a stray bit": (lambda key, party: proof(key, party)[:-1] + "B=", "key-proof-malformed"),
    "letters that are none": (lambda key, party: proof(key, party) + "ạ", "key-proof-malformed"),
    "another typ": (lambda key, party: proof(key, party, {"typ": "JWT"}), "key-proof-header-refused"),
    "an assertion": (
        lambda key, party: proof(key, party, {"typ": "client-authentication+jwt"}), "key-proof-header-refused",
    ),
    "no key": (lambda key, party: proof(key, party, {"jwk": None}), "key-proof-header-refused"),
    "a kid too": (lambda key, party: proof(key, party, {"kid": "x"}), "key-proof-header-refused"),
    "crit": (lambda key, party: proof(key, party, {"crit": ["b64"]}), "key-proof-header-refused"),
    "another curve": (
        lambda key, party: proof(key, party, {"jwk": {**to_jwk(key.public_key()), "crv": "P-384"}}),
        "client-key-unusable",
    ),
    "none": (lambda key, party: proof(key, party, {"alg": "none"}), "key-proof-algorithm-refused"),
    "HS256": (lambda key, party: proof(key, party, {"alg": "HS256"}), "key-proof-algorithm-refused"),
    "the other kind's algorithm": (lambda key, party: proof(key, party, {"alg": "EdDSA"}), "key-proof-algorithm-refused"),
    "DER": (der, "key-proof-der-encoded"),
    "another's key": (unsigned, "key-proof-invalid"),
    "another issuer": (lambda key, party: proof(key, party, aud="https://other.example"), "key-proof-audience-mismatch"),
    "two audiences": (lambda key, party: proof(key, party, aud=[ISSUER]), "key-proof-audience-mismatch"),
    "no audience": (lambda key, party: proof(key, party, aud=None), "key-proof-claim-invalid"),
    "no jti": (lambda key, party: proof(key, party, jti=None), "key-proof-claim-invalid"),
    "a short jti": (lambda key, party: proof(key, party, jti="1"), "key-proof-claim-invalid"),
    "no iat": (lambda key, party: proof(key, party, iat=None), "key-proof-claim-invalid"),
    "a true iat": (lambda key, party: proof(key, party, iat=True), "key-proof-claim-invalid"),
    "a text exp": (lambda key, party: proof(key, party, exp="9"), "key-proof-claim-invalid"),
    "a member of its own": (lambda key, party: proof(key, party, sub="x"), "key-proof-claim-invalid"),
    "no party": (lambda key, party: proof(key, party, agency=None, client_id=None), "key-proof-claim-invalid"),
    "two parties": (lambda key, party: proof(key, party, agency=CODE, client_id=str(OTHER)), "key-proof-claim-invalid"),
    "no agency code": (lambda key, party: proof(key, {}, agency="Sở Nội vụ"), "key-proof-claim-invalid"),
    "no client id": (lambda key, party: proof(key, {}, client_id=OTHER.hex), "key-proof-claim-invalid"),
    "another agency": (lambda key, party: proof(key, {}, agency="H17.99"), "key-proof-party-mismatch"),
    "another client": (lambda key, party: proof(key, {}, client_id=str(OTHER)), "key-proof-party-mismatch"),
    "the future": (
        lambda key, party: proof(key, party, iat=later(seconds=30), exp=later(hours=1)), "key-proof-issued-ahead",
    ),
    "the past": (
        lambda key, party: proof(key, party, iat=later(hours=-2), exp=later(seconds=-1)), "key-proof-expired",
    ),
    "eight days": (lambda key, party: proof(key, party, exp=later(days=8)), "key-proof-lifetime-wrong"),
    "no time at all": (
        lambda key, party: proof(key, party, iat=later(seconds=9), exp=later(seconds=8)), "key-proof-lifetime-wrong",
    ),
}  # fmt: skip


@pytest.fixture
async def both(auth: Auth) -> dict[str, tuple[dict[str, object], Callable[[str], tuple[str, dict[str, Any]]]]]:
    """The two ways in: for each its party, and address and form of a request with a proof."""
    client = await auth.enrol("submitter")
    first = {"agency": str(auth.agency), "name": "x", "scopes": ["submitter"]}
    return {
        "first key": ({"agency": CODE}, lambda offer: ("/v1/clients", {**first, "keys": [{"proof": offer}]})),
        "further key": (
            {"client_id": str(client.client_id)},
            lambda offer: (f"/v1/clients/{client.client_id}/keys", {"proof": offer}),
        ),
    }


async def test_each_fault_of_a_proof_is_refused_by_its_own_code_and_leaves_nothing(auth: Auth, both: Any) -> None:
    before = (await facts(auth), events(auth))
    for party, asked in both.values():
        for name, (fault, code) in FAULTS.items():
            path, form = asked(fault(p256(), party))
            refused = await post(auth, path, form, 422)
            assert refused["code"] == code, name
    assert (await facts(auth), events(auth)) == before


async def test_a_right_proof_is_taken_to_its_last_day(auth: Auth, both: Any) -> None:
    for party, asked in both.values():
        issued = later(days=-7, minutes=5)
        for key in (ed25519(), p256()):
            await post(auth, *asked(proof(key, party, iat=issued, exp=issued + MAX_LIFETIME)))


async def test_an_offer_for_a_first_key_is_none_for_a_further_one_nor_the_other_way_round(
    auth: Auth, both: Any
) -> None:
    (first, ask_first), (further, ask_further) = both["first key"], both["further key"]
    for party, asked in ((further, ask_first), (first, ask_further)):
        path, form = asked(proof(ed25519(), party))
        assert (await post(auth, path, form, 422))["code"] == "key-proof-party-mismatch"


async def test_an_offer_of_another_agency_cannot_be_handed_in_as_ones_own(auth: Auth) -> None:
    other = await post(auth, "/v1/agencies", agency("H17.12"))
    key, form = ed25519(), {"agency": str(auth.agency), "name": "x", "scopes": ["submitter"]}
    stolen = offered(key, "H17.12", ISSUER)
    assert (await post(auth, "/v1/clients", {**form, "keys": [stolen]}, 422))["code"] == "key-proof-party-mismatch"
    await post(auth, "/v1/clients", {**form, "agency": other["id"], "keys": [stolen]})


async def test_one_proof_serves_once_also_after_the_key_is_revoked(auth: Auth) -> None:
    form = {
        "agency": str(auth.agency),
        "name": "x",
        "scopes": ["submitter"],
        "keys": [offered(ed25519(), CODE, ISSUER)],
    }
    made = await post(auth, "/v1/clients", form)
    assert (await post(auth, "/v1/clients", form, 409))["code"] == "client-key-taken"
    await post(auth, f"/v1/clients/{made['id']}/keys/{made['keys'][0]['kid']}/revoke", None, 200)
    assert (await post(auth, "/v1/clients", form, 409))["code"] == "client-key-taken"


async def test_a_bare_public_key_is_not_taken(auth: Auth) -> None:
    for bare in ({"pem": public_pem(ed25519())}, {"jwk": to_jwk(ed25519().public_key())}, {}):
        form = {"agency": str(auth.agency), "name": "x", "scopes": ["submitter"], "keys": [bare]}
        refused = await post(auth, "/v1/clients", form, 422)
        assert refused["code"] == "request-invalid"
        assert ("/keys/0/proof", "missing") in {(error["pointer"], error["code"]) for error in refused["errors"]}


async def test_only_the_operator_vouches_for_a_key(auth: Auth) -> None:
    form = ClientOffer(auth.agency, "x", frozenset({"submitter"}), None, (VouchedKey(public_pem(ed25519()).encode()),))
    ledger, world, registrar = SqlLedger(auth.engine), RealWorld(), Registrar(ClientId(auth.begun.registrar))
    with pytest.raises(ClientKeyUnusable):
        await enrol_client(form, registrar, issuer=ISSUER, ledger=ledger, world=world)
    made = await enrol_client(form, Registrar(None), issuer=ISSUER, ledger=ledger, world=world)
    assert made.keys[0].proof is None


async def test_row_and_log_keep_the_proof(auth: Auth) -> None:
    client = await auth.enrol("submitter")
    with psycopg.connect(auth.database.admin_url) as owner:
        rows = owner.execute("SELECT kid, proof FROM auth.client_key").fetchall()
    kept: dict[str, str | None] = dict(rows)
    assert [kid for kid, line in kept.items() if line is not None] == [client.kid]
    logged = [event for event in events(auth) if event["type"] == "key-enrolled"]
    assert {event["kid"]: event["proof_sha256"] for event in logged} == {
        kid: None if line is None else hashlib.sha256(line.encode()).hexdigest() for kid, line in kept.items()
    }


# Author is not approver


async def enrolment(auth: Auth, scopes: list[str], officer: str | None, status: int) -> dict[str, Any]:
    form = {"agency": str(auth.agency), "name": "x", "scopes": scopes, "officer": officer}
    answer: dict[str, Any] = await post(auth, "/v1/clients", form, status)
    return answer


async def test_an_officer_never_holds_both_halves_whatever_the_client_and_the_spelling(auth: Auth) -> None:
    author = await enrolment(auth, ["rule-author"], "Nguyễn Thị Hoà", 201)
    for spelled in ("Nguyễn Thị Hoà", " nguyễn  thị HÒA", "Nguyễn Thị Hoà"):
        refused = await enrolment(auth, ["archivist", "rule-approver"], spelled, 409)
        assert refused["code"] == "officer-roles-conflict"
        assert author["id"] in refused["detail"]
    await enrolment(auth, ["rule-author", "archivist"], "Nguyễn Thị Hoà", 201)  # one half twice is no pair
    await enrolment(auth, ["rule-approver"], "Nguyễn Thị Hóa", 201)  # somebody else


async def test_an_officer_has_one_client_for_incidents_so_two_clients_are_two_people(auth: Auth) -> None:
    first = await enrolment(auth, ["incident-officer"], "Trần Văn An", 201)
    assert (await enrolment(auth, ["incident-officer"], "TRẦN VĂN AN", 409))["code"] == "officer-roles-conflict"
    await enrolment(auth, ["incident-officer"], "Trần Văn Ân", 201)
    await post(auth, f"/v1/clients/{first['id']}/disable", None, 200)
    await enrolment(auth, ["incident-officer"], "Trần Văn An", 201)


async def test_whose_client_is_disabled_may_take_the_other_half(auth: Auth) -> None:
    author = await enrolment(auth, ["rule-author"], "Lê Văn Cường", 201)
    await enrolment(auth, ["rule-approver"], "Lê Văn Cường", 409)
    await post(auth, f"/v1/clients/{author['id']}/disable", None, 200)
    await enrolment(auth, ["rule-approver"], "Lê Văn Cường", 201)
