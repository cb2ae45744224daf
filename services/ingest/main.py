"""Ingest as a process: the only place where its ports meet their adapters.

`python -m services.ingest.main` serves the API; with `--worker` it runs the background work instead, with
`--custodian` the part of it that needs the custodian's credential. Any number of each may run, on any number of machines.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from services.ingest.adapters.act_relay import ActRelay
from services.ingest.adapters.acts_sql import SqlActLedger, StoredPages
from services.ingest.adapters.classifications_sql import RAISED_INCIDENT, SqlClassificationLedger
from services.ingest.adapters.content_inspector import ChildInspector
from services.ingest.adapters.content_queue import CONTENT_JOBS, CONTENT_QUEUE, INSPECT
from services.ingest.adapters.content_sql import SqlContentLedger
from services.ingest.adapters.courier import SignedCourier
from services.ingest.adapters.custody_s3 import S3Custody
from services.ingest.adapters.directory import RegistryDirectory
from services.ingest.adapters.erasures_sql import CUSTODY_JOBS, CUSTODY_QUEUE, FINISH_ERASURE, HOLD_PARTS
from services.ingest.adapters.fixity import PartRead
from services.ingest.adapters.fixity_rows import FixityRows, read_due_slice
from services.ingest.adapters.holdings_sql import SqlHoldings
from services.ingest.adapters.incidents_sql import EXPEL, RENEW, SqlIncidentLedger
from services.ingest.adapters.inspections_sql import SqlInspectionLedger, SqlSecretsCounter
from services.ingest.adapters.judging import ManifestJudge
from services.ingest.adapters.key_rows import REWRAP, SqlKeyLedger, StoreRecords
from services.ingest.adapters.ledger_sql import SqlLedger
from services.ingest.adapters.media_sql import SqlMediaLedger
from services.ingest.adapters.package_keys import KmsKeys
from services.ingest.adapters.public_log import StoredLog
from services.ingest.adapters.raised_keys_sql import REKEY, SqlRaisedKeyLedger
from services.ingest.adapters.receipts import LogReceipts
from services.ingest.adapters.report_sheet import LETTERHEADS, sheet_of
from services.ingest.adapters.rule_store import LedgerRuleStore
from services.ingest.adapters.vault_s3 import S3Vault
from services.ingest.adapters.world import SystemWorld
from services.ingest.api import create_api, route_kind
from services.ingest.api.wiring import Wiring
from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.secrets_report import Clock
from services.ingest.settings import IngestSettings
from services.ingest.usecases.abandon_package import expire_packages
from services.ingest.usecases.classify_record import declassify_due
from services.ingest.usecases.complete_package import CATALOG, complete_package
from services.ingest.usecases.content_ports import Inspector
from services.ingest.usecases.decide_incident import confirm_hidden
from services.ingest.usecases.declare_later import Declarations, forget_declarations
from services.ingest.usecases.deliver_message import deliver_message
from services.ingest.usecases.erasure_ports import Custody
from services.ingest.usecases.expel_held import expel_held
from services.ingest.usecases.finish_erasure import finish_erasure
from services.ingest.usecases.hold_parts import hold_parts
from services.ingest.usecases.inspect_content import Inspecting, find_uninspected, inspect_content
from services.ingest.usecases.keep_nonces import keep_nonces
from services.ingest.usecases.open_incident import RuleIncidents
from services.ingest.usecases.open_raised_incident import open_raised_incident
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import Ceilings, IncidentOpener, Judge, RuleStore
from services.ingest.usecases.read_incidents import count_open
from services.ingest.usecases.reap_attempts import reap_attempts
from services.ingest.usecases.rejudge_holdings import hand_on_findings, rejudge_holdings
from services.ingest.usecases.rekey_raised import Rekeying, find_raised, rekey_raised
from services.ingest.usecases.renew_record import renew_changed_record
from services.ingest.usecases.report_secrets import overdue_clocks
from services.ingest.usecases.retire_kek import Retiring
from services.ingest.usecases.rotate_kek import resume_rotations, rewrap_keys
from services.ingest.usecases.running_readings import RunningReadings
from services.kernel.identifiers import PackageId
from services.kernel.refusals.platform import KmsUnavailable
from services.kernel.sealing.keys import KeyManagement
from services.kernel.secrecy import DeploymentProfile
from services.runtime import database
from services.runtime.admin import create_admin
from services.runtime.discovery import discovery_of
from services.runtime.guard import Guard
from services.runtime.jobs import Tasks, Worker
from services.runtime.kms.cache import CachedKeys
from services.runtime.kms.settings import opened_kms
from services.runtime.logging import configure, logger
from services.runtime.metrics import Metrics
from services.runtime.object_store.guarded import GuardedStore
from services.runtime.object_store.port import ObjectStore
from services.runtime.object_store.s3 import S3Store
from services.runtime.observing import Observed
from services.runtime.registry_feed import Registry
from services.runtime.server import run, serve, serve_admin
from services.runtime.service_client import ServiceClient
from services.runtime.signature_help import offer_help
from services.runtime.signed_requests import RequestVerifier, SignedRequests
from services.runtime.tokens import AccessTokens, PublishedKeys
from services.runtime.unfinished import OnlyWhole, Wholeness

QUEUE: Final = "ingest_queue"
_FIRST: Final = frozenset({"complete_package"})  # an agency waits for its receipt; the catalog may hear of it later
ERASE_RETRIES: Final = 60  # longer than the six hours after which an upload that died is given up
COMPLETE_RETRIES: Final = 30  # hours: a store or KMS that is away comes back
DELIVER_RETRIES: Final = 60  # hours: catalog may be down for a night
REWRAP_RETRIES: Final = 60  # hours: the KMS may be away for a night; afterwards `resume_rotations` goes on


def ingest_tasks() -> Tasks:
    """How ingest defers jobs: what only the custodian's worker may do goes to a queue of its own."""
    return Tasks(QUEUE, first=_FIRST, queues=CUSTODY_JOBS | CONTENT_JOBS)


@dataclass(frozen=True, slots=True)
class Parts:
    """What API and worker share."""

    engine: AsyncEngine
    store: ObjectStore
    kms: CachedKeys
    management: KeyManagement
    ledger: SqlLedger
    classifications: SqlClassificationLedger
    key_ledger: SqlKeyLedger
    world: SystemWorld
    whole: Wholeness

    @classmethod
    def of(cls, engine: AsyncEngine, store: ObjectStore, kms: KeyManagement) -> Parts:
        tasks = ingest_tasks()
        ledger, classifications = SqlLedger(engine, tasks), SqlClassificationLedger(engine, tasks)
        key_ledger = SqlKeyLedger(engine, tasks)
        return cls(
            engine, store, CachedKeys(kms), kms, ledger, classifications, key_ledger, SystemWorld(), Wholeness(engine)
        )

    @property
    def retiring(self) -> Retiring:
        """The ports that destroying older versions of a KEK needs."""
        records = StoreRecords(self.store)
        return Retiring(self.key_ledger, self.ledger, self.vault, records, self.keys, self.management, self.world)

    @property
    def rekeying(self) -> Rekeying:
        """The ports that moving keys to a higher level needs."""
        return Rekeying(SqlRaisedKeyLedger(self.engine, ingest_tasks()), self.vault, self.keys, self.world)

    @property
    def inspections(self) -> SqlInspectionLedger:
        return SqlInspectionLedger(self.engine)

    @property
    def incidents(self) -> SqlIncidentLedger:
        return SqlIncidentLedger(self.engine, Tasks(QUEUE, first=_FIRST))

    @property
    def vault(self) -> S3Vault:
        return S3Vault(self.store)

    @property
    def keys(self) -> KmsKeys:
        return KmsKeys(self.kms)

    async def kms_ready(self) -> None:
        """Raises KmsUnavailable."""
        if not await self.kms.healthy():
            raise KmsUnavailable

    @property
    def checks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "database": partial(database.ready, self.engine),
            "rebuild": self.whole.check,
            "store": self.store.ready,
            "kms": self.kms_ready,
        }


@asynccontextmanager
async def wired(parts: Parts, settings: IngestSettings, directory: RegistryDirectory) -> AsyncIterator[Wiring]:
    """The ports joined to their adapters; what judges in the background ends with the block."""
    judge = ManifestJudge(DeploymentProfile(settings.secrecy_profile), children=settings.judging_children)
    running = RunningReadings(parts.ledger)
    declarations = Declarations(ledger=parts.ledger, world=parts.world, capacity=settings.judging_bytes)
    try:
        yield Wiring(
            ledger=parts.ledger,
            vault=parts.vault,
            keys=parts.keys,
            judge=judge,
            rules=LedgerRuleStore(parts.ledger, parts.world, directory),
            holdings=SqlHoldings(parts.engine),
            directory=directory,
            world=parts.world,
            receipts=LogReceipts(parts.engine, parts.store),
            log=StoredLog(parts.store),
            plans=PlanSource(),
            declarations=declarations,
            in_flight=InFlight(
                agency_limit=settings.agency_bytes_in_flight, instance_limit=settings.instance_bytes_in_flight
            ),
            grant_key=settings.grant_key(),
            max_open=settings.agency_open_packages,
            classifications=parts.classifications,
            bodies=directory,
            deployment=DeploymentProfile(settings.secrecy_profile),
            backups=timedelta(days=settings.backup_days),
            inspections=parts.inspections,
            media=SqlMediaLedger(parts.engine),
            content=SqlContentLedger(parts.engine, ingest_tasks()),
            secrets=SqlSecretsCounter(parts.engine),
            names=directory,
            report_sheet=partial(sheet_of, letterhead=LETTERHEADS[settings.offices]),
            running=running,
            incidents=parts.incidents,
        )
    finally:
        await running.close()
        await declarations.close()
        judge.close()


def public_app(
    wiring: Wiring, settings: IngestSettings, parts: Parts, verifier: RequestVerifier, metrics: Metrics
) -> ASGIApp:
    """The public application with everything around it."""
    api = create_api()
    api.state.discovery = discovery_of(settings)
    api.state.wiring = wiring
    signed = SignedRequests(
        api,
        verifier=verifier,
        engine=parts.engine,
        origin=settings.origin,
        kind=route_kind,
        bases=offer_help(api, settings),
    )
    return Observed(Guard(OnlyWhole(signed, parts.whole), [settings.origin.removeprefix("https://")]), metrics)


def register_jobs(worker: Worker, parts: Parts, courier: SignedCourier, deployment: DeploymentProfile) -> None:
    """Every task of ingest, with its retries."""
    plans = PlanSource()

    async def complete(package: str) -> None:
        await complete_package(
            PackageId(UUID(package)),
            plans=plans,
            ledger=parts.ledger,
            vault=parts.vault,
            keys=parts.keys,
            world=parts.world,
        )

    async def deliver(message: str) -> None:
        await deliver_message(UUID(message), ledger=parts.ledger, courier=courier, world=parts.world)
        await confirm_hidden(UUID(message), parts.world.now(), ledger=parts.incidents)

    async def renew(package: str) -> None:
        await renew_changed_record(
            PackageId(UUID(package)), ledger=parts.ledger, vault=parts.vault, keys=parts.keys, world=parts.world
        )

    async def expel(incident: str) -> None:
        await expel_held(
            UUID(incident),
            incidents=parts.incidents,
            ledger=parts.ledger,
            plans=plans,
            vault=parts.vault,
            keys=parts.keys,
            world=parts.world,
        )

    async def reap() -> None:
        while await reap_attempts(ledger=parts.ledger, vault=parts.vault, world=parts.world):
            pass

    async def expire() -> None:
        while await expire_packages(ledger=parts.ledger, world=parts.world):
            pass

    async def forget() -> None:
        await forget_declarations(ledger=parts.ledger, world=parts.world)

    async def nonces() -> None:
        await keep_nonces(ledger=parts.ledger, world=parts.world)

    async def declassify() -> None:
        while await declassify_due(ledger=parts.classifications, world=parts.world, deployment=deployment):
            pass

    async def raised(package: str, document: str, step: str) -> None:
        await open_raised_incident(
            PackageId(UUID(package)), int(document), UUID(step), ledger=parts.incidents, world=parts.world
        )

    worker.register(RAISED_INCIDENT, raised, retries=COMPLETE_RETRIES)
    worker.register("complete_package", complete, retries=COMPLETE_RETRIES)
    worker.register("deliver_message", deliver, retries=DELIVER_RETRIES)
    worker.register(RENEW, renew, retries=COMPLETE_RETRIES)
    worker.register(EXPEL, expel, retries=COMPLETE_RETRIES)
    worker.periodic("reap_attempts", "*/5 * * * *", reap)
    worker.periodic("expire_packages", "17 * * * *", expire)
    worker.periodic("forget_declarations", "43 * * * *", forget)
    worker.periodic("declassify_due", "*/10 * * * *", declassify)
    worker.periodic("keep_nonces", "29 * * * *", nonces)


def register_key_jobs(worker: Worker, parts: Parts, metrics: Metrics) -> None:
    """The re-wrapping after a rotation, and its progress for Prometheus. No KEK is named there: a name has a fonds in it."""
    moved = Counter(
        "nopluu_keys_rewrapped", "Package keys brought to a newer version of their KEK.", registry=metrics.registry
    )
    behind = Gauge("nopluu_keys_behind", "Package keys that a rotation has not reached yet.", registry=metrics.registry)

    async def rewrap(kek: str) -> None:
        await rewrap_keys(
            kek, ledger=parts.key_ledger, kms=parts.management, world=parts.world, moved=lambda count: moved.inc(count)
        )

    async def resume() -> None:
        behind.set(await resume_rotations(ledger=parts.key_ledger, kms=parts.management, world=parts.world))

    worker.register(REWRAP, rewrap, retries=REWRAP_RETRIES)
    worker.periodic("resume_rotations", "*/5 * * * *", resume)


def register_raised_keys(worker: Worker, parts: Parts, metrics: Metrics, deployment: DeploymentProfile) -> None:
    """The moving of keys to the level of what they protect; in the open such content is held, and has no KEK."""
    moved = Counter(
        "nopluu_keys_raised", "Component keys moved under a KEK of their record's level.", registry=metrics.registry
    )
    below = Gauge(
        "nopluu_packages_keyed_below",
        "Packages with a component whose key is below its record's label.",
        registry=metrics.registry,
    )

    async def rekey(package: str) -> None:
        moved.inc(await rekey_raised(PackageId(UUID(package)), parts.rekeying))

    async def find() -> None:
        below.set(await find_raised(parts.rekeying))

    worker.register(REKEY, rekey, retries=REWRAP_RETRIES)
    if deployment is not DeploymentProfile.OPEN:
        worker.periodic("find_raised", "37 * * * *", find)


def register_fixity(worker: Worker, parts: Parts, settings: IngestSettings, metrics: Metrics) -> None:
    """Each night a slice of the stored parts against the digests in their rows, and once more what was found broken."""
    broken = Gauge(
        "nopluu_stored_parts_broken",
        "Stored parts that are missing or whose bytes are not those that were stored.",
        registry=metrics.registry,
    )
    read = Counter("nopluu_stored_parts_read", "Stored parts that fixity has read.", registry=metrics.registry)
    rows = FixityRows(parts.engine)

    def told(part: PartRead, newly_broken: bool) -> None:
        read.inc()
        if newly_broken:
            logger().error("stored-part-broken", part=part.name, fault=part.fault)

    async def check() -> None:
        slices, rate = settings.fixity_days, settings.fixity_rate
        await read_due_slice(parts.engine, parts.store, slices=slices, rate=rate, now=parts.world.now, told=told)

    async def count() -> None:
        broken.set(len(await rows.broken()))

    if settings.fixity_days:
        worker.periodic("check_fixity", "11 2 * * *", check)
    worker.periodic("count_broken_parts", "* * * * *", count)


def register_inspection(worker: Worker, finder: Worker, parts: Parts, inspector: Inspector, metrics: Metrics) -> None:
    """Rule 23: `worker` looks into what is sealed, `finder` wakes what waits since before there were such eyes."""
    waiting = Gauge(
        "nopluu_packages_uninspected",
        "Sealed packages that were not looked into yet, at most a thousand.",
        registry=metrics.registry,
    )
    looked = Counter(
        "nopluu_content_inspected", "Files that were looked into, by outcome.", ("outcome",), registry=metrics.registry
    )
    ports = Inspecting(
        SqlContentLedger(parts.engine, ingest_tasks()),
        parts.incidents,
        PlanSource(),
        parts.vault,
        parts.keys,
        inspector,
        parts.world,
        told=lambda outcome: looked.labels(outcome.value).inc(),
    )

    async def look(package: str) -> None:
        await inspect_content(PackageId(UUID(package)), ports)

    async def find() -> None:
        waiting.set(await find_uninspected(ports))

    worker.register(INSPECT, look, retries=REWRAP_RETRIES)
    finder.periodic("find_uninspected", "7 * * * *", find)


def register_incident_counts(worker: Worker, parts: Parts, metrics: Metrics) -> None:
    """Counts for Prometheus, and nothing else of incidents (rule 30)."""
    still = Gauge("nopluu_incidents_open", "Incidents that are not closed.", registry=metrics.registry)
    late = Gauge(
        "nopluu_incident_clocks_overdue", "Time limits of incidents that have run out.", registry=metrics.registry
    )

    other = Gauge(
        "nopluu_secret_clocks_overdue",
        "Notices, remedies and decisions that are overdue.",
        ("clock",),
        registry=metrics.registry,
    )

    async def count() -> None:
        run_out = await overdue_clocks(
            counter=SqlSecretsCounter(parts.engine), inspections=parts.inspections, world=parts.world
        )
        for clock in Clock:
            other.labels(clock.value).set(sum(entry.clock is clock for entry in run_out))
        opened, overdue = await count_open(ledger=parts.incidents, world=parts.world)
        still.set(opened)
        late.set(overdue)

    worker.periodic("count_incidents", "* * * * *", count)


def register_rejudging(
    worker: Worker,
    parts: Parts,
    rules: RuleStore,
    judge: Judge,
    ceilings: Ceilings,
    opener: IncidentOpener | None = None,
) -> None:
    """After new rules came into force: judge the holdings by them; without an `opener` what is found waits in its table."""
    holdings = SqlHoldings(parts.engine)

    async def rejudge() -> None:
        await rejudge_holdings(rules=rules, holdings=holdings, judge=judge, ceilings=ceilings, world=parts.world)
        if opener is not None:
            await hand_on_findings(holdings=holdings, opener=opener, world=parts.world)

    worker.periodic("rejudge_holdings", "* * * * * */10", rejudge)


def register_custody_jobs(worker: Worker, parts: Parts, custody: Custody) -> None:
    """What needs the custodian's credential, and nothing else."""
    plans = PlanSource()

    async def finish(erasure: str) -> None:
        await finish_erasure(
            UUID(erasure),
            plans=plans,
            ledger=parts.ledger,
            custody=custody,
            vault=parts.vault,
            keys=parts.keys,
            world=parts.world,
        )

    async def hold(package: str) -> None:
        await hold_parts(PackageId(UUID(package)), ledger=parts.ledger, custody=custody)

    worker.register(FINISH_ERASURE, finish, retries=ERASE_RETRIES)
    worker.register(HOLD_PARTS, hold, retries=COMPLETE_RETRIES)


async def serve_api(stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    settings, metrics = _begin("ingest")
    async with AsyncExitStack() as stack:
        parts = await _parts(settings, stack, metrics, pool_size=16)
        client = ServiceClient.from_settings(settings)
        stack.push_async_callback(client.close)
        registry = Registry(client, settings.auth_origin)
        feed = asyncio.create_task(registry.run(stop), name="registry")
        stack.push_async_callback(_ended, feed, stop)
        wiring = await stack.enter_async_context(wired(parts, settings, RegistryDirectory(registry)))
        tokens = AccessTokens(PublishedKeys(client.token_keys), issuer=settings.issuer, audience=settings.audience)
        verifier = RequestVerifier(tokens, registry, trust_front=settings.listen.startswith("unix:"))
        admin = create_admin(parts.checks | {"registry": registry.ready}, metrics=metrics)
        await serve(public_app(wiring, settings, parts, verifier, metrics), admin, settings, stop)


async def work(stop: asyncio.Event) -> None:
    """Run jobs until `stop`."""
    settings, metrics = _begin("ingest-worker")
    async with AsyncExitStack() as stack:
        parts = await _parts(settings, stack, metrics, pool_size=settings.worker_concurrency + 2)
        client = ServiceClient.from_settings(settings)
        stack.push_async_callback(client.close)
        worker = Worker(settings.database_url(), QUEUE, metrics=metrics, concurrency=settings.worker_concurrency)
        courier = SignedCourier(client, {CATALOG: f"{settings.catalog_origin}/v1/messages"})
        register_jobs(worker, parts, courier, DeploymentProfile(settings.secrecy_profile))
        register_key_jobs(worker, parts, metrics)
        register_raised_keys(worker, parts, metrics, DeploymentProfile(settings.secrecy_profile))
        # Rules are taken up only with their officers' signatures, so the worker knows the officers, too.
        registry = Registry(client, settings.auth_origin)
        feed = asyncio.create_task(registry.run(stop), name="registry")
        stack.push_async_callback(_ended, feed, stop)
        judge = ManifestJudge(DeploymentProfile(settings.secrecy_profile), children=1)
        stack.callback(judge.close)
        directory = RegistryDirectory(registry)
        register_rejudging(
            worker,
            parts,
            LedgerRuleStore(parts.ledger, parts.world, directory),
            judge,
            directory,
            RuleIncidents(parts.incidents, parts.world),
        )
        register_incident_counts(worker, parts, metrics)
        inspector = ChildInspector()
        stack.push_async_callback(inspector.close)
        looking = Worker(settings.database_url(), QUEUE, metrics=metrics, concurrency=1, queue=CONTENT_QUEUE)
        register_inspection(looking, worker, parts, inspector, metrics)
        register_fixity(worker, parts, settings, metrics)
        inspection = asyncio.create_task(parts.whole.then(looking.run, stop), name="inspection")
        stack.push_async_callback(_ended, inspection, stop)
        relay = ActRelay(
            SqlActLedger(parts.engine),
            StoredPages(parts.store),
            parts.management.generate,
            parts.world,
            metrics=metrics,
        )
        sealing = asyncio.create_task(parts.whole.then(relay.run, stop), name="acts")
        stack.push_async_callback(_ended, sealing, stop)
        await _work(worker, parts, settings, metrics, stop)


async def keep_custody(stop: asyncio.Event) -> None:
    """Run the jobs that need the custodian's credential until `stop`; the only process that is given it."""
    settings, metrics = _begin("ingest-custodian")
    async with AsyncExitStack() as stack:
        parts = await _parts(settings, stack, metrics, pool_size=settings.worker_concurrency + 2)
        custody = S3Custody(await stack.enter_async_context(S3Store(settings.custody())))
        worker = Worker(
            settings.database_url(),
            QUEUE,
            metrics=metrics,
            concurrency=settings.worker_concurrency,
            queue=CUSTODY_QUEUE,
        )
        register_custody_jobs(worker, parts, custody)
        await _work(worker, parts, settings, metrics, stop)


async def _work(worker: Worker, parts: Parts, settings: IngestSettings, metrics: Metrics, stop: asyncio.Event) -> None:
    """Run a worker beside its admin listener; the end of either is the end of both."""
    admin = create_admin(parts.checks, metrics=metrics)
    listening = asyncio.create_task(serve_admin(admin, settings.admin_listen, stop), name="admin")
    working = asyncio.create_task(parts.whole.then(worker.run, stop), name="worker")
    try:
        await asyncio.wait((listening, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        outcomes = await asyncio.gather(listening, working, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _begin(service: str) -> tuple[IngestSettings, Metrics]:
    settings = IngestSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    configure(service, settings.log_level)
    return settings, Metrics(service)


async def _parts(settings: IngestSettings, stack: AsyncExitStack, metrics: Metrics, *, pool_size: int) -> Parts:
    engine = database.create_engine(settings.database_url(), application_name="nopluu-ingest", pool_size=pool_size)
    stack.push_async_callback(engine.dispose)
    direct = await stack.enter_async_context(S3Store(settings.s3()))
    store = await stack.enter_async_context(GuardedStore(direct, metrics))
    kms = await stack.enter_async_context(opened_kms(settings, environment=settings.environment))
    return Parts.of(engine, store, kms)


async def _ended(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await task


if __name__ == "__main__":
    asked = set(sys.argv[1:])
    run(work if "--worker" in asked else keep_custody if "--custodian" in asked else serve_api)
