"""Promise: no order of holding, telling, crashing, registering and deciding makes a held item readable or searchable.

Ingest and catalog are real, each with its own role on one PostgreSQL. A crash is a step that was begun and whose answer
nobody took: a message delivered and not remembered as delivered, a confirmation that comes twice, a job run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.catalog.adapters.ledger_sql import SqlLedger as CatalogLedger
from services.catalog.adapters.world import RealWorld
from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import ManifestAway
from services.catalog.usecases.receive_message import receive_message
from services.catalog.usecases.register_package import register_package
from services.catalog.usecases.search_documents import search_documents
from services.ingest.domain.incidents import Decision, Kind, Source
from services.ingest.usecases.decide_incident import Proposal, confirm_decision, confirm_hidden, propose_decision
from services.ingest.usecases.incident_ports import Actor
from services.ingest.usecases.open_incident import Target, open_incident
from services.ingest.usecases.read_manifest import read_manifest
from services.kernel.identifiers import ClientId, FondsId, PackageId
from services.kernel.refusals.packages import ManifestUnknown
from services.kernel.secrecy import DeploymentProfile, Level
from services.runtime.database import create_engine, transaction
from services.runtime.jobs import Tasks
from tests.support.enrolled import Enrolled
from tests.support.ingest import FONDS_ID, Ingest, ingest
from tests.support.ingest_manifests import Dossier
from tests.support.postgres import Database

_T = TypeVar("_T")
READER = Reader(Level.NONE, archive=False, fonds=frozenset({FondsId(FONDS_ID)}))
ONE, OTHER = Actor(ClientId(uuid4()), "Đại úy Một"), Actor(ClientId(uuid4()), "Thiếu tá Hai")
DOCUMENTS = 3


class World:
    """Both services, and a loop to run them in from Hypothesis's own thread."""

    def __init__(self, gateway: Ingest, catalog: AsyncEngine, run: Callable[[Awaitable[Any]], Any]) -> None:
        self.gateway = gateway
        self.catalog = CatalogLedger(catalog, Tasks("catalog_queue"))
        self.run = run

    async def fetch(self, sha256: bytes) -> bytes:
        """Catalog's way to a manifest."""
        try:
            return await read_manifest(sha256, ledger=self.gateway.parts.ledger)
        except ManifestUnknown as refusal:
            raise ManifestAway("404") from refusal


class Machine(RuleBasedStateMachine):
    """One dossier, its holds, the messages of both kinds, in any order."""

    world: World

    @initialize(registered=st.booleans())
    def deposit(self, registered: bool) -> None:
        self.holds: dict[UUID, int | None] = {}  # incidents whose hold stands, and the document
        self.hidden: set[UUID] = set()  # those that catalog confirmed
        self.received: set[UUID] = set()
        self.registered = False
        self.ever: set[int] = set()  # documents that any hold ever covered
        self.word = f"w{uuid4().hex}"
        self.world.run(self._deposit())
        if registered:  # the ordinary case: it was found for a while before anybody looked closer
            [(message, _, body)] = self.world.run(self._messages())
            self.world.run(receive_message(body, ledger=self.world.catalog, world=RealWorld()))
            self.received.add(message)
            self._register()

    async def _deposit(self) -> None:
        gateway = self.world.gateway
        self.client: Enrolled = gateway.enrol("submitter")
        files = [f"{self.word} {number}".encode() for number in range(DOCUMENTS)]
        dossier = Dossier(files, code=self.word)
        self.package = await gateway.deposit(self.client, dossier)
        plan = (await gateway.get(self.client, f"/v1/packages/{self.package}/plan")).json()
        self.components = [component for component, _ in plan["components"]]

    @rule(document=st.sampled_from([None, 0, 1, 2]))
    def hold(self, document: int | None) -> None:
        async def opened() -> UUID:
            parts = self.world.gateway.parts
            return await open_incident(
                Target(PackageId(UUID(self.package)), document),
                Source.OFFICER,
                Kind.CONTENT,
                ONE,
                ledger=parts.incidents,
                world=parts.world,
            )

        self.holds[self.world.run(opened())] = document
        self.ever |= self._held({UUID(int=0): document})

    @rule(data=st.data(), remembered=st.booleans())
    def deliver(self, data: st.DataObject, remembered: bool) -> None:
        """Any message of this package, again or for the first time; a crash may forget that it was taken."""
        messages = self.world.run(self._messages())
        message, kind, body = data.draw(st.sampled_from(messages))

        async def taken() -> UUID | None:
            await receive_message(body, ledger=self.world.catalog, world=RealWorld())
            if kind != "hold_placed" or not remembered:
                return None
            parts = self.world.gateway.parts
            await confirm_hidden(message, parts.world.now(), ledger=parts.incidents)
            async with transaction(self.world.gateway.engine) as connection:
                found = await connection.execute(
                    text("SELECT incident FROM ingest.hold WHERE id = :id"), {"id": message}
                )
                incident: UUID = found.scalar_one()
                return incident

        confirmed = self.world.run(taken())
        if kind == "package_sealed":
            self.received.add(message)
        if confirmed is not None:
            self.hidden.add(confirmed)

    async def _messages(self) -> list[tuple[UUID, str, bytes]]:
        async with transaction(self.world.gateway.engine) as connection:
            query = text(
                "SELECT id, kind, body FROM ingest.outbox WHERE position(:package in encode(body, 'escape')) > 0"
                " ORDER BY created_at"  # a replay of the same steps must draw the same message
            )
            rows = (await connection.execute(query.bindparams(package=self.package))).all()
        return [(row.id, row.kind, bytes(row.body)) for row in rows]

    @precondition(lambda self: self.received)
    @rule()
    def register(self) -> None:
        self._register()

    def _register(self) -> None:
        async def registered() -> None:
            for message in self.received:
                with suppress(ManifestAway):  # a hold that catalog has not confirmed: the queue tries again
                    await register_package(message, ledger=self.world.catalog, manifests=self.world, world=RealWorld())
                    self.registered = True

        self.world.run(registered())

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        incident = data.draw(st.sampled_from(list(self.holds)))

        async def decided() -> None:
            parts = self.world.gateway.parts
            proposal = Proposal(Decision.RELEASE, None, None, None)
            step = await propose_decision(
                incident, proposal, ONE, ledger=parts.incidents, world=parts.world, deployment=DeploymentProfile.OPEN
            )
            await confirm_decision(incident, step, OTHER, ledger=parts.incidents, world=parts.world)

        self.world.run(decided())
        del self.holds[incident]

    @invariant()
    def nothing_held_is_read(self) -> None:
        held = self._held(self.holds)
        for document, component in enumerate(self.components):
            status = self.world.run(self.world.gateway.read(self.client, component)).status
            assert status == (404 if document in held else 200), (document, held)

    @invariant()
    def nothing_hidden_is_found(self) -> None:
        held = self._held({incident: at for incident, at in self.holds.items() if incident in self.hidden})
        found = self.world.run(
            search_documents(
                "",
                fonds=None,
                since=None,
                until=None,
                after=None,
                limit=200,
                reader=READER,
                ledger=self.world.catalog,
            )
        )
        shown = {hit.document.ordinal - 1 for hit in found.hits if str(hit.document.package) == self.package}
        assert not shown & held, (shown, held)
        if self.registered:  # nor is anything hidden that nobody held
            assert shown >= set(range(DOCUMENTS)) - self.ever

    @staticmethod
    def _held(holds: dict[UUID, int | None]) -> set[int]:
        if None in holds.values():
            return set(range(DOCUMENTS))
        return {document for document in holds.values() if document is not None}


def test_no_order_of_steps_shows_what_is_held(database: Database, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        def run(work: Awaitable[_T]) -> _T:
            return loop.run_until_complete(work)

        opened = ingest(database, tmp_path)
        gateway = run(opened.__aenter__())
        catalog = create_engine(database.url_for("nopluu_catalog"), application_name="test-catalog", pool_size=4)
        try:
            assert run(gateway.publish_rules()).status == 201
            Machine.world = World(gateway, catalog, run)
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
                ),
            )
        finally:
            run(catalog.dispose())
            run(opened.__aexit__(None, None, None))
