"""The registrar's work on a real PostgreSQL, and what the services hear of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.records import RegistryState
from tests.integration.auth.conftest import HOST, Auth
from tests.support.enrolled import ed25519, p256, public_pem


def agency(code: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "Ủy ban nhân dân xã Hòa Vang",
        "kind": "commune",
        "level": "commune",
        "valid_from": "2025-07-01",
        "codes": [{"code": code, "valid_from": "2025-07-01"}],
        **more,
    }


async def facts(auth: Auth) -> list[dict[str, Any]]:
    reply = await auth.service.ask(auth.app, "GET", "/v1/registry/facts?after=0")
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json()["facts"]
    assert [fact["seq"] for fact in found] == list(range(1, reply.json()["last"] + 1))
    return found


def events(auth: Auth) -> list[dict[str, Any]]:
    with psycopg.connect(auth.database.admin_url) as connection:
        rows = connection.execute("SELECT event FROM journal.event ORDER BY appended_at").fetchall()
    return [json.loads(row[0]) for row in rows]


async def test_an_agency_its_successor_and_its_fonds_reach_the_services(auth: Auth) -> None:
    registrar, app = auth.registrar, auth.app
    old = (await registrar.ask(app, "POST", "/v1/agencies", agency("000.00.47.A47"))).json()
    new = (await registrar.ask(app, "POST", "/v1/agencies", agency("H17.12"))).json()
    assert [code["scheme"] for code in (*old["codes"], *new["codes"])] == ["qcvn-102", "qd-20"]
    fonds = (
        await registrar.ask(
            app,
            "POST",
            "/v1/fonds",
            {"code": "P012", "name": "Phông UBND", "creator": old["id"], "custodian": str(auth.agency)},
        )
    ).json()
    succession = {
        "predecessor": old["id"],
        "successor": new["id"],
        "kind": "merge",
        "effective_on": "2025-07-01",
        "instrument": "NQ 1659/NQ-UBTVQH15",
    }
    assert (await registrar.ask(app, "POST", "/v1/successions", succession)).status == 201
    assert (await registrar.ask(app, "POST", "/v1/successions", succession)).status == 201  # safe to repeat
    state = RegistryState()
    state.apply(await facts(auth))
    later, earlier = AgencyId(__import__("uuid").UUID(new["id"])), AgencyId(__import__("uuid").UUID(old["id"]))
    found = state.fonds_for(later, "P012")
    assert found is not None
    assert str(found.id) == fonds["id"]
    assert state.followed_by(later) == (later, earlier)
    assert state.fonds_for(auth.agency, "P012") is None
    assert state.has_code(later, "H17.12")
    back = {**succession, "predecessor": new["id"], "successor": old["id"]}
    assert (await registrar.ask(app, "POST", "/v1/successions", back)).json()["code"] == "succession-invalid"
