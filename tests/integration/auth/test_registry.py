"""The registrar's work on a real PostgreSQL, and what the services hear of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.auth.adapters.ledger_sql import SqlLedger
from services.auth.adapters.world import RealWorld
from services.auth.usecases.bootstrap import Beginning, bootstrap
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.records import RegistryState
from services.kernel.refusals.identity import ClientKeyTaken
from services.kernel.signing.assertions import sign_compact
from services.kernel.signing.key_proofs import TYP
from services.kernel.signing.keys import to_jwk
from tests.integration.auth.conftest import CODE, HOST, ISSUER, Auth
from tests.support.asgi import Reply
from tests.support.enrolled import ed25519, offered, p256, public_pem

NAME = "Ủy ban nhân dân xã Hòa Vang"


def agency(*codes: str, **more: Any) -> dict[str, Any]:
    return {
        "name": NAME,
        "kind": "commune",
        "level": "commune",
        "valid_from": "2025-07-01",
        "codes": [{"code": code, "valid_from": "2025-07-01"} for code in codes],
        **more,
    }


async def post(auth: Auth, path: str, value: Any, status: int = 201) -> Any:
    reply = await auth.registrar.ask(auth.app, "POST", path, value)
    assert reply.status == status, reply.body
    return reply.json()


async def facts(auth: Auth) -> list[dict[str, Any]]:
    """Every fact, as a service hears it; numbered without a gap."""
    reply = await auth.service.ask(auth.app, "GET", "/v1/registry/facts?after=0")
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json()["facts"]
    assert [fact["seq"] for fact in found] == list(range(1, reply.json()["last"] + 1))
    return found


async def state(auth: Auth) -> RegistryState:
    folded = RegistryState()
    folded.apply(await facts(auth))
    return folded


def events(auth: Auth) -> list[dict[str, Any]]:
    """Every event of the log, in the order of appending."""
    with psycopg.connect(auth.database.admin_url) as connection:
        rows = connection.execute("SELECT event FROM journal.event ORDER BY appended_at").fetchall()
    return [json.loads(row[0]) for row in rows]


async def test_an_agency_its_successor_and_its_fonds_reach_the_services(auth: Auth) -> None:
    old = await post(auth, "/v1/agencies", agency("000.00.47.A47", valid_from="1997-01-01"))
    new = await post(auth, "/v1/agencies", agency("H17.12"))
    assert [code["scheme"] for code in (*old["codes"], *new["codes"])] == ["qcvn-102", "qd-20"]
    fonds = await post(
        auth,
        "/v1/fonds",
        {"code": "P012", "name": "Phông UBND", "creator": old["id"], "custodian": str(auth.agency)},
    )
    succession = {
        "predecessors": [old["id"]],
        "successors": [new["id"]],
        "kind": "merge",
        "effective_on": "2025-07-01",
        "instrument": "NQ 1659/NQ-UBTVQH15",
    }
    assert await post(auth, "/v1/successions", succession) == succession
    before = len(await facts(auth))
    await post(auth, "/v1/successions", succession)  # a repeat changes nothing
    assert len(await facts(auth)) == before
    folded = await state(auth)
    later, earlier = AgencyId(UUID(new["id"])), AgencyId(UUID(old["id"]))
    day = date(2025, 7, 1)
    found = folded.fonds_for(later, "P012", day)
    assert found is not None
    assert str(found.id) == fonds["id"]
    assert folded.followed_by(later, day) == (later, earlier)
    assert folded.fonds_for(auth.agency, "P012", day) is None
    assert folded.has_code(later, "H17.12", day)


@pytest.mark.parametrize("length", [1, 3])
async def test_succession_never_closes_a_circle(auth: Auth, length: int) -> None:
    made = [
        await post(auth, "/v1/agencies", agency(f"H17.1{number}", valid_from="1997-01-01"))
        for number in range(length + 1)
    ]
    for number, (earlier, later) in enumerate(itertools.pairwise(made)):
        await post(auth, "/v1/successions", event([earlier], [later], "dissolve", f"{2001 + number}-01-01"))
    refused = await post(auth, "/v1/successions", event([made[-1]], [made[0]], "dissolve", "2025-07-01"), 422)
    assert refused["code"] == "succession-invalid"


def event(earlier: list[Any], later: list[Any], kind: str, day: str = "2025-07-01") -> dict[str, Any]:
    return {
        "predecessors": [entry["id"] for entry in earlier],
        "successors": [entry["id"] for entry in later],
        "kind": kind,
        "effective_on": day,
        "instrument": "NQ 1659/NQ-UBTVQH15",
    }


async def test_a_code_belongs_to_one_agency_at_a_time(auth: Auth) -> None:
    first = await post(auth, "/v1/agencies", agency("H17.12"))
    assert (await post(auth, "/v1/agencies", agency("H17.12"), 409))["code"] == "agency-code-taken"
    ended = agency("H17.13", codes=[{"code": "H17.13", "valid_from": "2020-01-01", "valid_to": "2025-07-01"}])
    second = await post(auth, "/v1/agencies", ended)
    taken = {"code": "H17.13", "valid_from": "2025-06-30"}
    assert (await post(auth, f"/v1/agencies/{first['id']}/codes", taken, 409))["code"] == "agency-code-taken"
    freed = {"code": "H17.13", "valid_from": "2025-07-01"}
    after = await post(auth, f"/v1/agencies/{first['id']}/codes", freed)
    assert [code["code"] for code in after["codes"]] == ["H17.12", "H17.13"]
    listed = (await auth.registrar.ask(auth.app, "GET", "/v1/agencies?limit=500")).json()["agencies"]
    assert {entry["id"] for entry in listed} == {str(auth.agency), first["id"], second["id"]}


async def test_a_description_of_an_agency_is_checked(auth: Auth) -> None:
    for form, status, code in (
        (agency("H17"), 201, None),
        (agency("X"), 422, "agency-code-invalid"),
        (agency("H17.12", valid_to="2025-07-01"), 422, "validity-window-invalid"),
        (agency("H17.12", "H17.12"), 409, "agency-code-taken"),
        (agency(), 422, "request-invalid"),
        (agency("H17.12", surprise=1), 422, "request-invalid"),
    ):
        assert (await post(auth, "/v1/agencies", form, status)).get("code") == code


async def test_lists_are_paged_by_key(auth: Auth) -> None:
    made = {str(auth.agency)} | {
        (await post(auth, "/v1/agencies", agency(f"H17.1{number}")))["id"] for number in range(4)
    }
    seen: list[str] = []
    after = ""
    while True:
        page = (await auth.registrar.ask(auth.app, "GET", f"/v1/agencies?limit=2{after}")).json()
        seen.extend(entry["id"] for entry in page["agencies"])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted(made)


async def test_an_officers_key_is_a_fact_until_it_is_revoked(auth: Auth) -> None:
    officer = await auth.enrol("rule-author", officer="Trần Văn An")
    known = (await state(auth)).officer_key(officer.kid, datetime.now(UTC))
    assert known is not None
    assert known.scopes == {"rule-author"}
    assert known.officer == "Trần Văn An"
    assert known.jwk == to_jwk(officer.key.public_key())
    revoked = await post(auth, f"/v1/clients/{officer.client_id}/keys/{officer.kid}/revoke", None, 200)
    assert revoked["revoked_at"] is not None
    after = await state(auth)
    assert after.officer_key(officer.kid, datetime.now(UTC)) is None
    assert after.is_revoked(officer.kid, ClientId(officer.client_id))
    again = await post(auth, f"/v1/clients/{officer.client_id}/keys/{officer.kid}/revoke", None, 200)
    assert again == revoked


async def test_a_key_replaces_another_with_an_overlap_and_a_window(auth: Auth) -> None:
    client = await auth.enrol("submitter")
    now = datetime.now(UTC)
    later, ended, next_key = ed25519(), p256(), p256()
    for key, window in (
        (later, {"not_before": (now + timedelta(hours=1)).isoformat()}),
        (next_key, {"not_after": (now + timedelta(hours=1)).isoformat()}),
    ):
        form = offered(key, client.client_id, ISSUER, **window)
        assert (await post(auth, f"/v1/clients/{client.client_id}/keys", form))["jwk"] == to_jwk(key.public_key())
    over = offered(ended, client.client_id, ISSUER, not_after=(now - timedelta(seconds=1)).isoformat())
    refused = await post(auth, f"/v1/clients/{client.client_id}/keys", over, 422)
    assert refused["code"] == "validity-window-invalid"
    early = auth.client(client.client_id, later)
    assert (await early.obtain(auth.app, HOST)).json()["code"] == "assertion-key-unknown"
    both = [client, auth.client(client.client_id, next_key)]
    assert [(await entry.obtain(auth.app, HOST)).status for entry in both] == [200, 200]


async def test_a_key_is_enrolled_once_for_ever(auth: Auth) -> None:
    client, other = await auth.enrol("submitter"), await auth.enrol("submitter")
    path = f"/v1/clients/{other.client_id}/keys"
    assert (await post(auth, path, offered(client.key, other.client_id, ISSUER), 409))["code"] == "client-key-taken"
    await post(auth, f"/v1/clients/{client.client_id}/keys/{client.kid}/revoke", None, 200)
    assert (await post(auth, path, offered(client.key, other.client_id, ISSUER), 409))["code"] == "client-key-taken"


async def test_a_key_that_could_not_be_trusted_is_refused(auth: Auth) -> None:
    client = await auth.enrol("submitter")
    key = ed25519()
    claims = {"aud": ISSUER, "client_id": str(client.client_id), "iat": 1, "exp": 2, "jti": "A" * 22}
    for jwk in (
        {"kty": "oct", "k": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},  # a point of small order
        {**to_jwk(ed25519().public_key()), "d": "AAAA"},
        {**to_jwk(p256().public_key()), "use": "enc"},
        {**to_jwk(p256().public_key()), "alg": "HS256"},
        {**to_jwk(p256().public_key()), "crv": "P-384"},
    ):
        proof = sign_compact({"alg": "EdDSA", "typ": TYP, "jwk": jwk}, claims, key)
        refused = await post(auth, f"/v1/clients/{client.client_id}/keys", {"proof": proof}, 422)
        assert refused["code"] == "client-key-unusable", jwk


async def test_scopes_that_do_not_go_together_are_refused(auth: Auth) -> None:
    cases: list[tuple[list[str], str | None, int]] = [
        (["submitter"], None, 201),
        (["registrar", "archivist", "supervisor"], "Lan", 201),
        (["rule-author"], "An", 201),
        (["rule-author"], None, 422),
        (["rule-author", "rule-approver"], "An", 422),
        (["service"], None, 422),  # only the operator makes services
        (["service", "submitter"], None, 422),
        (["root"], None, 422),
        ([], None, 422),
    ]
    for scopes, officer, status in cases:
        form = {"agency": str(auth.agency), "name": "x", "scopes": scopes, "officer": officer}
        await post(auth, "/v1/clients", form, status)


async def test_a_disabled_client_is_out_everywhere_at_once(auth: Auth) -> None:
    client = await auth.enrol("registrar")
    assert (await client.ask(auth.app, "GET", "/v1/clients")).status == 200
    ended = await post(auth, f"/v1/clients/{client.client_id}/disable", None, 200)
    assert ended["disabled_at"] is not None
    assert (await client.ask(auth.app, "GET", "/v1/clients")).json()["code"] == "key-revoked"
    assert (await client.obtain(auth.app, HOST)).json()["code"] == "assertion-key-unknown"
    more = offered(ed25519(), client.client_id, ISSUER)
    refused = await post(auth, f"/v1/clients/{client.client_id}/keys", more, 409)
    assert refused["code"] == "client-disabled"
    assert (await state(auth)).is_revoked(client.kid, ClientId(client.client_id))
    assert await post(auth, f"/v1/clients/{client.client_id}/disable", None, 200) == ended


async def test_a_submitter_has_no_business_here(auth: Auth) -> None:
    client = await auth.enrol("submitter")
    for method, path in (
        ("POST", "/v1/agencies"),
        ("POST", "/v1/clients"),
        ("POST", "/v1/fonds"),
        ("POST", "/v1/successions"),
        ("GET", "/v1/agencies"),
        ("GET", "/v1/fonds"),
        ("GET", "/v1/clients"),
        ("GET", "/v1/registry/facts"),
    ):
        reply = await client.ask(auth.app, method, path, {} if method == "POST" else None)
        assert (reply.status, reply.json()["code"]) == (403, "scope-missing"), path


async def test_unknown_ids_are_said_to_be_unknown(auth: Auth) -> None:
    nobody, kid = "01930000-0000-7000-8000-000000000000", "A" * 43
    for path, form, code in (
        (f"/v1/agencies/{nobody}/codes", {"code": "H17.12", "valid_from": "2025-07-01"}, "agency-unknown"),
        (f"/v1/clients/{nobody}/keys", offered(p256(), UUID(nobody), ISSUER), "client-unknown"),
        (f"/v1/clients/{nobody}/disable", None, "client-unknown"),
        (f"/v1/clients/{auth.begun.registrar}/keys/{kid}/revoke", None, "client-key-unknown"),
        ("/v1/clients", {"agency": nobody, "name": "x", "scopes": ["submitter"]}, "agency-unknown"),
        ("/v1/fonds", {"code": "P", "name": "x", "creator": nobody, "custodian": nobody}, "agency-unknown"),
    ):
        assert (await post(auth, path, form, 404))["code"] == code


async def test_a_fonds_code_is_used_once_by_its_creator(auth: Auth) -> None:
    other = await post(auth, "/v1/agencies", agency("H17.12"))
    form = {"code": "P012", "name": "x", "creator": str(auth.agency), "custodian": str(auth.agency)}
    await post(auth, "/v1/fonds", form)
    assert (await post(auth, "/v1/fonds", form, 409))["code"] == "fonds-code-taken"
    await post(auth, "/v1/fonds", {**form, "creator": other["id"]})
    assert len((await auth.registrar.ask(auth.app, "GET", "/v1/fonds")).json()["fonds"]) == 2


async def test_changes_at_once_are_numbered_as_they_become_visible(auth: Auth) -> None:
    """A reader that asks again and again for what is new misses nothing, however many registrars write at once."""
    heard: list[int] = []
    done = asyncio.Event()

    async def listen() -> None:
        while True:
            ended = done.is_set()
            position = heard[-1] if heard else 0
            page = (await auth.service.ask(auth.app, "GET", f"/v1/registry/facts?after={position}")).json()
            heard.extend(fact["seq"] for fact in page["facts"])
            if ended and position == page["last"]:
                return

    async def write(number: int) -> Reply:
        return await auth.registrar.ask(auth.app, "POST", "/v1/agencies", agency(f"H17.{100 + number}"))

    listening = asyncio.create_task(listen())
    replies = await asyncio.gather(*(write(number) for number in range(40)))
    done.set()
    await listening
    assert {reply.status for reply in replies} == {201}
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) == len(await facts(auth))


async def test_one_code_asked_for_by_many_at_once_is_given_once(auth: Auth) -> None:
    replies = await asyncio.gather(
        *(auth.registrar.ask(auth.app, "POST", "/v1/agencies", agency("H17.12")) for _ in range(8))
    )
    assert sorted(reply.status for reply in replies) == [201, *[409] * 7]


async def test_the_log_tells_every_change_by_ids_and_no_name(auth: Auth) -> None:
    made = await post(auth, "/v1/agencies", agency("H17.12"))
    await post(auth, f"/v1/agencies/{made['id']}/codes", {"code": "H17.13", "valid_from": "2025-07-01"})
    await post(auth, "/v1/fonds", {"code": "P012", "name": NAME, "creator": made["id"], "custodian": str(auth.agency)})
    client = await auth.enrol("incident-officer", officer="Trần Văn An")
    await post(auth, f"/v1/clients/{client.client_id}/keys/{client.kid}/revoke", None, 200)
    await post(auth, f"/v1/clients/{client.client_id}/disable", None, 200)
    logged = events(auth)
    assert [event["type"] for event in logged] == [
        "agency-registered", "client-enrolled", "key-enrolled", "client-enrolled", "key-enrolled",
        "agency-registered", "agency-code-added", "fonds-registered", "client-enrolled", "key-enrolled",
        "key-revoked", "client-disabled",
    ]  # fmt: skip
    assert {event["by"] for event in logged[:5]} == {"operator"}
    assert {event["by"] for event in logged[5:]} == {str(auth.begun.registrar)}
    assert all(len(event["row_sha256"]) == 64 for event in logged)
    written = json.dumps(logged, ensure_ascii=False)
    assert not any(name in written for name in (NAME, "Trần Văn An", "Nguyễn Thị Lan", "P012", "H17"))


async def test_a_refused_change_leaves_neither_fact_nor_event(auth: Auth) -> None:
    before = (await facts(auth), events(auth))
    key = ed25519()
    form = {
        "agency": str(auth.agency),
        "name": "x",
        "scopes": ["submitter"],
        "keys": [offered(key, CODE, ISSUER), offered(auth.registrar.key, CODE, ISSUER)],
    }
    assert (await post(auth, "/v1/clients", form, 409))["code"] == "client-key-taken"
    assert (await facts(auth), events(auth)) == before


async def test_the_beginning_may_be_repeated(auth: Auth) -> None:
    ledger, world = SqlLedger(auth.engine), RealWorld()

    def beginning(**services: str) -> Beginning:
        return Beginning(
            agency_code="000.00.00.H17",
            agency_name="another name",
            registrar_key=public_pem(auth.registrar.key).encode(),
            registrar_officer=None,
            services={name: pem.encode() for name, pem in services.items()},
        )

    same = beginning(ingest=public_pem(auth.service.key))
    assert await bootstrap(same, ledger=ledger, world=world) == auth.begun
    more = beginning(ingest=public_pem(auth.service.key), catalog=public_pem(p256()))
    begun = await bootstrap(more, ledger=ledger, world=world)
    assert begun.services["ingest"] == auth.begun.services["ingest"]
    assert set(begun.services) == {"ingest", "catalog"}
    await post(auth, f"/v1/clients/{auth.service.client_id}/keys/{auth.service.kid}/revoke", None, 200)
    with pytest.raises(ClientKeyTaken):
        await bootstrap(same, ledger=ledger, world=world)
