"""A day on which officers use everything that leaves a row: rules, incidents, holds, inspections, classifications, erasures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.ingest.usecases.erasure_ports import Custody
from services.ingest.usecases.rejudge_holdings import rejudge_holdings
from services.ingest.usecases.renew_record import renew_changed_record
from services.ingest.usecases.rotate_kek import rewrap_keys, rotate_kek
from services.kernel import dsse
from services.kernel.identifiers import FondsId, PackageId
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.sealing.keys import kek_name
from services.kernel.secrecy import Level
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import FONDS_ID, Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database
from tests.support.rebuilding import query
from tests.support.stricter_rules import stricter


@dataclass
class Day:
    """What came of it, by ids. `held` is a component under a hold, `erasure` an order that nobody finished."""

    package: str
    held: str
    free: str
    incident: str
    expelled: str
    erasure: str
    refused: str
    declared: str


async def post(gateway: Ingest, client: Enrolled, target: str, body: Mapping[str, object]) -> Any:
    await gateway.registry.poll()
    reply: Reply = await gateway.post(client, target, json.dumps(body).encode())
    assert reply.status in (200, 201, 202), reply.body
    return reply.json()


async def officers_at_work(gateway: Ingest, database: Database, custody: Custody) -> Day:
    """Everything once; of most things the half that is not finished yet."""
    client = gateway.enrol("submitter")
    one, other = (gateway.enrol("incident-officer", officer=name) for name in ("Đại úy Một", "Thiếu tá Hai"))
    archivist, custodian = gateway.enrol("archivist", officer="Trần B"), gateway.enrol("custodian", officer="Giữ")
    today = gateway.parts.world.today()
    package = await gateway.deposit(client, Dossier([b"mot", b"hai", b"ba"]))
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    components = [component for component, _ in plan["components"]]

    async def incident(package: str, decide: Mapping[str, object] | None = None, **target: object) -> str:
        opened = await post(gateway, one, "/v1/incidents", {"package": package, "kind": "secret-content"} | target)
        found = str(opened["incident"])
        if decide is not None:
            proposed = await post(gateway, one, f"/v1/incidents/{found}/proposals", decide)
            await post(gateway, other, f"/v1/incidents/{found}/confirmation", {"step": proposed["step"]})
        return found

    still = await incident(package, document=0)
    await incident(package, {"decision": "release"}, component=components[1])
    whole = await gateway.deposit(client, Dossier([b"toan bo"], code="P012.01.002"))
    expelled = await incident(whole, {"decision": "expel", "due_on": today.isoformat()})

    held_in = await gateway.declare(client, Dossier([b"dang gui"], code="P012.01.003"))
    declared = str(held_in.json()["package"])
    await incident(declared)
    secret = await gateway.declare(client, Dossier([b"mat"], code="P012.01.004", levels={0: "tuyet_mat"}))
    assert secret.status == 422, secret.body

    raised = await gateway.deposit(client, Dossier([b"nang", b"khong"], code="P012.01.005"))
    step = {
        "kind": "raised",
        "document": 0,
        "decided_on": today.isoformat(),
        "instrument": "12/QĐ-UBND",
        "authority": {"name": "Tỉnh ủy", "relation": "originator", "agency": str(gateway.agency)},
        "level": "mat",
        "list_item": "II.3",
    }
    await post(gateway, archivist, f"/v1/packages/{raised}/classification/steps", step)
    await _notify(gateway, archivist, database)
    await _inspect(gateway, one, today)

    disposed = await gateway.deposit(client, Dossier([b"het han", b"con han"], code="P012.01.006"))
    gone = (await gateway.get(client, f"/v1/packages/{disposed}/plan")).json()["components"][0][0]
    ordered = await gateway.erase(custodian, disposed, gone, kind="disposal")
    assert ordered.status == 202, ordered.body
    finished = await gateway.deposit(client, Dossier([b"xong", b"con"], code="P012.01.007"))
    done = (await gateway.get(client, f"/v1/packages/{finished}/plan")).json()["components"][0][0]
    assert await gateway.finish(str((await gateway.erase(custodian, finished, done)).json()["erasure"]), custody)

    await _rotate(gateway)
    await _rejudge(gateway)
    for (sealed,) in query(database, "SELECT id FROM ingest.package WHERE seal_event IS NOT NULL"):
        await renew_changed_record(
            PackageId(sealed),
            ledger=gateway.parts.ledger,
            vault=gateway.parts.vault,
            keys=gateway.parts.keys,
            world=gateway.parts.world,
        )
    [(refused,)] = query(database, "SELECT id FROM ingest.package WHERE state = 'refused'")
    erasure = str(ordered.json()["erasure"])
    return Day(package, components[0], components[2], still, expelled, erasure, str(refused), declared)


async def _notify(gateway: Ingest, archivist: Enrolled, database: Database) -> None:
    [(step,)] = query(database, "SELECT id FROM ingest.classification_step")
    body = {"notified_on": gateway.parts.world.today().isoformat(), "instrument": "14/TB"}
    target = f"/v1/classification/steps/{step}/notice"
    reply = await gateway.post(archivist, target, json.dumps(body).encode())
    assert reply.status == 204, reply.body


async def _inspect(gateway: Ingest, officer: Enrolled, today: date) -> None:
    opening = {
        "agency": str(gateway.agency),
        "on": (today - timedelta(days=30)).isoformat(),
        "place": "Phòng số hóa, tầng 2",
        "process": "Quét, kiểm tra, ký số",
        "devices": [{"kind": "máy quét", "serial": "SN-1", "network": "none"}],
        "permissions": [{"number": "5/GP", "date": "2026-01-05", "authority": "Tỉnh ủy", "rank": "Bí thư"}],
        "minutes": "3/BB",
    }
    made = await post(gateway, officer, "/v1/inspections", opening)
    found = {"kind": "found", "on": today.isoformat(), "violation": "networked-device", "remedy": "Ngắt mạng"}
    due = {"due_on": (today + timedelta(days=10)).isoformat()}
    await post(gateway, officer, f"/v1/inspections/{made['id']}/steps", found | due)


async def _rotate(gateway: Ingest) -> None:
    parts = gateway.parts
    kek = kek_name(FondsId(UUID(str(FONDS_ID))), Level.NONE, parts.world.now().year)
    await rotate_kek(kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world)
    await rewrap_keys(kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world)


async def _rejudge(gateway: Ingest) -> None:
    author, approver = await gateway.officer("rule-author", "Lê An"), await gateway.officer("rule-approver", "Vũ Bình")
    envelope = dsse.sign(stricter(2), PAYLOAD_TYPE, [author.key, approver.key])
    await gateway.registry.poll()
    published = await gateway.post(approver, "/v1/rules", envelope)
    assert published.status == 201, published.body
    wiring = gateway.wiring
    await rejudge_holdings(
        rules=wiring.rules,
        holdings=wiring.holdings,
        judge=wiring.judge,
        ceilings=wiring.directory,
        world=wiring.world,
    )
