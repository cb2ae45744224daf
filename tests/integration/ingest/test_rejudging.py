"""New rules: what they would change is shown before, and what they find in the holdings is kept for officers after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.ingest.adapters.holdings_sql import SqlHoldings
from services.ingest.usecases import rejudge_holdings as rejudging
from services.ingest.usecases import what_if
from services.ingest.usecases.ports import Rules
from services.ingest.usecases.rejudge_holdings import hand_on_findings, rejudge_holdings
from services.kernel import dsse
from services.kernel.canonical import canonical
from services.kernel.identifiers import PackageId
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.secrecy import Level
from services.runtime.database import transaction
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier
from tests.support.stricter_rules import SINCE, stricter


@dataclass
class Opened:
    """See `usecases.ports.IncidentOpener`: remembers what it was asked."""

    asked: list[tuple[PackageId, int, tuple[str, ...]]] = field(default_factory=list)
    failing: bool = False

    async def open_by_rule(
        self, package: PackageId, document: int, *, rules: Sequence[str], bundle_sha256: bytes
    ) -> None:
        if self.failing:
            raise RuntimeError("not now")
        self.asked.append((package, document, tuple(rules)))


@dataclass
class Signers:
    """Two officers, and publishing as them."""

    gateway: Ingest
    author: Enrolled
    approver: Enrolled

    async def publish(self, payload: bytes) -> None:
        envelope = dsse.sign(payload, PAYLOAD_TYPE, [self.author.key, self.approver.key])
        await self.gateway.registry.poll()
        reply = await self.gateway.post(self.approver, "/v1/rules", envelope)
        assert reply.status == 201, reply.body


@pytest.fixture
async def signers(gateway: Ingest) -> Signers:
    author, approver = await gateway.officer("rule-author", "A"), await gateway.officer("rule-approver", "B")
    return Signers(gateway, author, approver)


async def rejudge(gateway: Ingest) -> int:
    await gateway.registry.poll()
    wiring = gateway.wiring
    return await rejudge_holdings(
        rules=wiring.rules,
        holdings=wiring.holdings,
        judge=wiring.judge,
        ceilings=wiring.directory,
        world=wiring.world,
    )


async def rows(gateway: Ingest, query: str) -> list[Any]:
    async with transaction(gateway.engine) as connection:
        return list((await connection.execute(text(query))).all())


async def test_a_draft_is_run_over_what_was_declared_and_changes_nothing(
    gateway: Ingest, signers: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = gateway.enrol("submitter")
    packages = [await gateway.deposit(submitter, Dossier([f"van ban {at}".encode()] * 2)) for at in range(3)]
    today = gateway.parts.world.today()

    async def ask(payload: bytes, query: str = "", client: Enrolled = signers.author) -> Any:
        await gateway.registry.poll()
        return await gateway.post(client, f"/v1/rules:what-if?since={today - timedelta(days=1)}{query}", payload)

    same = (await ask(baseline_bundle(2, SINCE))).json()
    assert (same["packages"], same["changed"], same["after"]) == (3, [], None)

    would = (await ask(stricter(2))).json()
    assert [entry["package"] for entry in would["changed"]] == packages
    assert would["changed"][0]["documents"] == [
        {"document": at, "was": "admit", "was_rules": [], "would": "refuse", "would_rules": ["90"]} for at in (0, 1)
    ]
    assert b"Trich yeu" not in json.dumps(would).encode()

    monkeypatch.setattr(what_if, "PAGE", 2)
    first = (await ask(stricter(2))).json()
    assert (first["packages"], first["after"]) == (2, packages[1])
    last = (await ask(stricter(2), f"&after={first['after']}")).json()
    assert [entry["package"] for entry in last["changed"]] == packages[2:]
    monkeypatch.setattr(what_if, "PAGE_BYTES", 1)
    assert (await ask(stricter(2))).json()["packages"] == 1

    later = f"/v1/rules:what-if?since={today + timedelta(days=1)}"
    assert (await gateway.post(signers.approver, later, stricter(2))).json()["packages"] == 0
    assert (await ask(b"{}")).json()["code"] == "rules-bundle-invalid"
    assert (await ask(stricter(2), client=submitter)).status == 403
    assert (await gateway.wiring.rules.current(fresh=True)).version == 1
    assert await rows(gateway, "SELECT 1 FROM ingest.rejudged") == []


async def test_what_new_rules_find_in_the_holdings_is_kept_and_handed_on_once(
    gateway: Ingest, signers: Signers, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitter = gateway.enrol("submitter")
    packages = [await gateway.deposit(submitter, Dossier([f"van ban {at}".encode()])) for at in range(5)]
    assert await rejudge(gateway) == 0  # they were judged by the very rules in force
    await signers.publish(stricter(2))
    monkeypatch.setattr(rejudging, "BATCH", 2)
    assert await rejudge(gateway) == 5
    assert await rejudge(gateway) == 0
    found = await rows(gateway, "SELECT package, document, was, effect, report, rules FROM ingest.rejudged ORDER BY 1")
    assert [(str(row.package), row.document, row.was, row.effect, row.report, row.rules) for row in found] == [
        (package, 0, "admit", "refuse", True, ["90"]) for package in packages
    ]
    opener, holdings, world = Opened(failing=True), SqlHoldings(gateway.engine), gateway.parts.world
    with pytest.raises(RuntimeError):
        await hand_on_findings(holdings=holdings, opener=opener, world=world)
    opener.failing = False
    assert await hand_on_findings(holdings=holdings, opener=opener, world=world) == 5
    assert await hand_on_findings(holdings=holdings, opener=opener, world=world) == 0
    assert opener.asked == [(PackageId(UUID(package)), 0, ("90",)) for package in packages]


async def test_it_goes_on_where_it_stopped(gateway: Ingest, signers: Signers, monkeypatch: pytest.MonkeyPatch) -> None:
    submitter = gateway.enrol("submitter")
    for at in range(4):
        await gateway.deposit(submitter, Dossier([f"van ban {at}".encode()]))
    await signers.publish(stricter(2))
    monkeypatch.setattr(rejudging, "BATCH", 1)
    judged: list[bytes] = []

    class Dying:
        """Judges twice, then its process dies."""

        def is_large(self, manifest: bytes) -> bool:
            return False

        async def judge(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Any:
            if len(judged) == 2:
                raise ConnectionError
            judged.append(manifest)
            return await gateway.wiring.judge.judge(manifest, rules, today, ceiling)

    wiring = gateway.wiring
    with pytest.raises(ConnectionError):
        await rejudge_holdings(
            rules=wiring.rules,
            holdings=wiring.holdings,
            judge=Dying(),
            ceilings=wiring.directory,
            world=wiring.world,
        )
    assert len(await rows(gateway, "SELECT 1 FROM ingest.rejudged")) == 2
    assert await rejudge(gateway) == 2
    assert [row.judged for row in await rows(gateway, "SELECT judged FROM ingest.rejudging WHERE version = 2")] == [4]


async def test_what_an_older_instance_still_took_is_found_by_a_second_sweep(gateway: Ingest, signers: Signers) -> None:
    submitter, holdings, now = gateway.enrol("submitter"), SqlHoldings(gateway.engine), gateway.parts.world.now()
    await gateway.deposit(submitter, Dossier([b"tre"]))
    await signers.publish(stricter(2))
    current = await gateway.wiring.rules.current(fresh=True)
    # The first sweep has ended; the package came in behind it, judged by version 1.
    standing = await holdings.begin(current.sha256, 2, now)
    await holdings.advance(replace(standing, swept_at=now), 0, [], now)
    assert await rejudge(gateway) == 0  # others may still be judged by version 1: it is too early for the second
    async with transaction(gateway.engine) as connection:
        await connection.execute(text("UPDATE ingest.rejudging SET begun_at = begun_at - interval '1 hour'"))
    assert await rejudge(gateway) == 1
    [row] = await rows(gateway, "SELECT ended_at, judged FROM ingest.rejudging WHERE version = 2")
    assert (row.ended_at is not None, row.judged) == (True, 1)


async def test_refused_packages_are_told_to_the_police_by_codes_and_places_only(
    gateway: Ingest, signers: Signers
) -> None:
    submitter, police = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="C")
    for at in range(3):
        refused = await gateway.declare(submitter, Dossier([b"mot", b"hai"], code=f"P.{at}", levels={1: "tuyet_mat"}))
        assert refused.status == 422
    page = await gateway.get(police, "/v1/refused-packages?limit=2")
    assert page.status == 200, page.body
    first = page.json()["refused"]
    assert [(entry["agency"], entry["report"], len(entry["manifest_salted"])) for entry in first] == [
        (str(gateway.agency), True, 64)
    ] * 2
    assert [(entry["pointer"], entry["effect"]) for entry in first[0]["verdicts"]] == [("/documents/1", "refuse")]
    assert {"2", "3"} <= set(first[0]["verdicts"][0]["rules"])
    assert len({entry["manifest_salted"] for entry in first}) == 2
    rest = (await gateway.get(police, f"/v1/refused-packages?limit=2&after={page.json()['next']}")).json()
    assert (len(rest["refused"]), rest["next"]) == (1, None)
    for text_of_it in ("Kết luận", "an ninh", "tệp"):
        assert text_of_it not in page.body.decode()
    assert (await gateway.get(signers.approver, "/v1/refused-packages")).status == 200
    assert (await gateway.get(signers.author, "/v1/refused-packages")).status == 403
    assert (await gateway.get(submitter, "/v1/refused-packages")).status == 403


async def test_rules_that_wait_for_their_day_judge_no_holdings_yet(gateway: Ingest, signers: Signers) -> None:
    submitter = gateway.enrol("submitter")
    await gateway.deposit(submitter, Dossier([b"mot"]))
    value = json.loads(stricter(2))
    value["effective_from"] = (gateway.parts.world.today() + timedelta(days=3)).isoformat()
    await signers.publish(canonical(value))
    assert await rejudge(gateway) == 0
    assert await rows(gateway, "SELECT 1 FROM ingest.rejudging WHERE version = 2") == []


async def test_a_row_that_cannot_be_evaluated_is_found_too(gateway: Ingest, signers: Signers) -> None:
    submitter = gateway.enrol("submitter")
    await gateway.deposit(submitter, Dossier([b"mot"]))
    failing = {
        "cel": "doc.components > 0 && doc.expires_on < env.today",
        "examples": {
            "positive": [{"today": "2026-01-01", "secrecy": {"level": "mat", "expires_on": "2020-01-01"}}],
            "negative": [{"today": "2026-01-01", "secrecy": {"level": "mat", "expires_on": "2030-01-01"}}],
        },
        "effect": "admit",
        "report": False,
    }
    await signers.publish(stricter(2, **failing))
    assert await rejudge(gateway) == 1
    found = await rows(gateway, "SELECT effect, report, rules FROM ingest.rejudged")
    assert [(row.effect, row.report, row.rules) for row in found] == [("quarantine", True, ["90"])]


ABOUT_SECRETS = {
    "cel": 'doc.level in ["mat", "toi_mat", "tuyet_mat"] && !doc.declassified',
    "examples": {
        "positive": [{"today": "2026-01-01", "secrecy": {"level": "mat", "classified_on": "2025-01-01"}}],
        "negative": [{"today": "2026-01-01", "secrecy": {"level": "none"}}],
    },
}


async def test_what_was_classified_since_is_judged_by_what_it_has_become(gateway: Ingest, signers: Signers) -> None:
    """Raised: found, though its manifest says none. Declassified: not found again, though its manifest says a level."""
    submitter, officer = gateway.enrol("submitter"), gateway.enrol("incident-officer", officer="C")
    today = gateway.parts.world.today()
    stub = {"level": "mat", "classified_on": today.isoformat(), "stub": True, "paper_location": "Kho A"}
    plain = await gateway.deposit(submitter, Dossier([b"mot", b"hai", b"ba"]))
    dossier = Stubbed([b"bon"], code="P012.01.002")
    object.__setattr__(dossier, "stubs", (stub, stub))
    secret = await gateway.deposit(submitter, dossier)

    async def step(package: str, document: int, kind: str, **more: object) -> None:
        await gateway.registry.poll()
        decided = {
            "kind": kind,
            "document": document,
            "decided_on": today.isoformat(),
            "instrument": f"{document}{kind}/QĐ",
            "authority": {"name": "Tỉnh ủy", "relation": "originator", "agency": str(gateway.agency)},
        }
        target = f"/v1/packages/{package}/classification/steps"
        reply = await gateway.post(officer, target, json.dumps(decided | more).encode())
        assert reply.status == 201, reply.body

    await step(plain, 1, "raised", level="mat", list_item="II.3")
    await step(plain, 2, "raised", level="mat", list_item="II.3")
    await step(plain, 2, "declassified")
    await step(secret, 1, "declassified")
    await signers.publish(stricter(2, **ABOUT_SECRETS))
    await rejudge(gateway)
    found = await rows(gateway, "SELECT package, document, rules FROM ingest.rejudged ORDER BY 1, 2")
    assert [(str(row.package), row.document, "90" in row.rules) for row in found] == [
        (plain, 1, True),
        (secret, 2, True),  # the stub that nobody declassified
    ]


class Stubbed(Dossier):
    """Documents in the open, then stubs with the secrecy of `stubs`."""

    stubs: tuple[dict[str, object], ...] = ()

    @property
    def manifest(self) -> bytes:
        value = json.loads(super().manifest)
        for secrecy in self.stubs:
            ordinal = len(value["documents"]) + 1
            metadata = {"issued_on": "03/01/2008"}
            value["documents"].append({"ordinal": ordinal, "metadata": metadata, "secrecy": secrecy, "components": []})
        return canonical(value)
