"""On the independent LAN an agency hands in what the police allow it, judged before a byte moves; later decisions look ahead."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.ingest.usecases.rejudge_holdings import rejudge_holdings
from services.kernel.canonical import canonical
from services.kernel.secrecy import Level
from services.kernel.vietnam import day_in_vietnam
from services.runtime.database import transaction
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.lawful import lawful
from tests.support.postgres import Database

TODAY = day_in_vietnam(datetime.now(UTC))
DAY = timedelta(days=1)
SUBJECT = "Phương án bảo vệ mục tiêu Z-4471"


@pytest.fixture
async def lan(database: Database, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingest(database, tmp_path, profile="independent-lan") as made:
        published = await made.publish_rules()
        assert published.status == 201, published.body
        yield made


def manifest(*levels: str, dossier_level: str | None = None, parts: int = 1, **secrecy: object) -> bytes:
    """Documents that meet every condition 7 to 12, one of each level."""
    value: dict[str, Any] = json.loads(Dossier([f"{level}{at}".encode() for at, level in enumerate(levels)]).manifest)
    for document, level in zip(value["documents"], levels, strict=True):
        if level != "none":
            document["secrecy"] = lawful(level) | secrecy
        document["metadata"]["subject"] = SUBJECT
        [first] = document["components"]
        document["components"] = [first | {"name": f"{number}/{first['name']}"} for number in range(parts)]
        for component in document["components"]:
            component["name"] = f"{document['ordinal']}/{component['name']}"
    if dossier_level is not None:
        value["dossier"]["secrecy"] = {"level": dossier_level, "classified_on": "2026-01-10"}
        value["dossier"]["metadata"]["title"] = SUBJECT
    return canonical(value)


async def declared(gateway: Ingest, client: Enrolled, body: bytes) -> Reply:
    return await gateway.post(client, f"/v1/packages?part_size={1 << 20}", body)


def fired(reply: Reply) -> set[str]:
    """The rules that refused."""
    return {str(error["code"]) for error in reply.json()["errors"]}


async def everything(gateway: Ingest) -> str:
    """Every row of every table of ingest and of the log, as text."""
    found: list[str] = []
    async with transaction(gateway.engine) as connection:
        tables = await connection.execute(
            text(
                "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname = 'ingest' "
                "AND has_table_privilege(schemaname || '.' || tablename, 'SELECT')"
            )
        )
        for table in [row.name for row in tables]:
            rows: Sequence[Any] = (await connection.execute(text(f"SELECT t::text AS row FROM {table} t"))).all()  # noqa: S608 - names from the catalog
            found += [row.row for row in rows]
    return "\n".join(found)


@pytest.mark.parametrize(
    ("ceiling", "level", "admitted"),
    [
        (None, "mat", False),
        (Level.NONE, "mat", False),
        (Level.MAT, "mat", True),
        (Level.MAT, "toi_mat", False),
        (Level.TOI_MAT, "mat", True),
        (Level.TOI_MAT, "toi_mat", True),
        (Level.TOI_MAT, "tuyet_mat", False),
    ],
)
async def test_the_ceiling_decides_before_a_byte_moves(
    lan: Ingest, ceiling: Level | None, level: str, admitted: bool
) -> None:
    if ceiling is not None:
        await lan.allow(ceiling, TODAY)
    client = lan.enrol("submitter")
    reply = await declared(lan, client, manifest("none", level))
    assert reply.status == (201 if admitted else 422), reply.body
    if admitted:
        [verdict] = reply.json()["verdicts"]
        assert (verdict["effect"], verdict["rules"]) == ("conditional", ["6"])
        return
    assert SUBJECT.encode() not in reply.body
    known = await everything(lan)
    assert "6.ceiling" in known or level == "tuyet_mat"  # what is kept is the rule, for the police
    for secret in (SUBJECT, "Z-4471", f"{level}1"):
        assert secret not in known


@pytest.mark.parametrize(
    ("start", "end", "admitted"),
    [
        (TODAY + DAY, None, False),  # the day before it holds
        (TODAY, None, True),
        (TODAY - DAY, TODAY + DAY, True),  # its last day
        (TODAY - DAY, TODAY, False),  # the first day without it
    ],
)
async def test_a_ceiling_holds_for_its_days(lan: Ingest, start: Any, end: Any, admitted: bool) -> None:
    await lan.allow(Level.MAT, start, end)
    reply = await declared(lan, lan.enrol("submitter"), manifest("mat"))
    assert reply.status == (201 if admitted else 422), reply.body


async def test_a_large_manifest_is_judged_by_the_same_ceiling(lan: Ingest) -> None:
    await lan.allow(Level.MAT, TODAY)
    client = lan.enrol("submitter")
    body = manifest("mat", "toi_mat", parts=600)
    assert lan.wiring.judge.is_large(body)
    checked = await lan.post(client, "/v1/packages:check", body)
    assert checked.status == 422, checked.body
    assert "toi_mat" not in checked.body.decode()
    assert (await lan.post(client, "/v1/packages:check", manifest("mat", "mat", parts=600))).status == 200


async def test_a_title_above_the_ceiling_is_refused_too(lan: Ingest) -> None:
    await lan.allow(Level.MAT, TODAY)
    client = lan.enrol("submitter")
    assert (await declared(lan, client, manifest("mat", dossier_level="mat"))).status == 201
    assert (await declared(lan, client, manifest("mat", dossier_level="toi_mat"))).status == 422
    assert "6.ceiling.dossier" in await everything(lan)


async def test_the_ceiling_is_that_of_whoever_hands_in_and_nobody_inherits_it(lan: Ingest) -> None:
    await lan.allow(Level.TOI_MAT, TODAY)
    other = await lan.add_agency("H47.13")
    lan.facts.add(
        **{"type": "succession", "from": str(lan.agency), "to": str(other), "kind": "merge"},
        effective_on=TODAY.isoformat(),
    )
    lan.facts.add(type="agency-ended", id=str(lan.agency), on=TODAY.isoformat())
    await lan.registry.poll()
    value = json.loads(manifest("mat"))
    value["submitter"] = "H47.13"
    successor = lan.enrol("submitter", agency=other)
    assert (await declared(lan, successor, canonical(value))).status == 422
    await lan.allow(Level.MAT, TODAY, agency=other)
    assert (await declared(lan, successor, canonical(value))).status == 201


async def test_an_agency_is_told_its_own_decisions_and_no_other_s(lan: Ingest) -> None:
    other = await lan.add_agency("H47.13")
    await lan.allow(Level.TOI_MAT, TODAY, agency=other)
    await lan.allow(Level.MAT, TODAY, TODAY + 30 * DAY)
    mine = await lan.get(lan.enrol("submitter"), "/v1/rules/current/signers")
    [told] = mine.json()["ceilings"]
    assert (told["level"], told["valid_to"]) == ("mat", (TODAY + 30 * DAY).isoformat())
    assert len(mine.json()["signers"]) == 2
    theirs = await lan.get(lan.enrol("submitter", agency=other), "/v1/rules/current/signers")
    assert [entry["level"] for entry in theirs.json()["ceilings"]] == ["toi_mat"]


async def test_a_lowered_ceiling_counts_for_later_declarations_only(lan: Ingest) -> None:
    await lan.allow(Level.MAT, TODAY)
    client = lan.enrol("submitter")
    held = await declared(lan, client, manifest("mat"))
    assert held.status == 201, held.body
    await lan.allow(Level.NONE, TODAY)
    assert (await declared(lan, client, manifest("mat", "none"))).status == 422
    published = await lan.publish_rules(2)
    assert published.status == 201, published.body
    wiring = lan.wiring
    found = await rejudge_holdings(
        rules=wiring.rules,
        holdings=wiring.holdings,
        judge=wiring.judge,
        ceilings=wiring.directory,
        world=wiring.world,
    )
    assert found == 0
    author = await lan.officer("rule-author", "Lê An")
    await lan.registry.poll()
    draft = (await lan.wiring.rules.current()).payload
    asked = await lan.post(author, f"/v1/rules:what-if?since={TODAY.isoformat()}", draft)
    assert asked.status == 200, asked.body
    assert (asked.json()["packages"], asked.json()["changed"]) == (1, [])
    assert UUID(held.json()["package"])


async def test_a_copy_of_the_registry_that_is_too_old_judges_nothing(lan: Ingest) -> None:
    await lan.allow(Level.MAT, TODAY)
    client = lan.enrol("submitter")
    lan.registry._as_of = -1e9
    reply = await declared(lan, client, manifest("mat"))
    assert (reply.status, reply.json()["code"]) == (503, "registry-stale")
