"""Jobs begin with the commit that needs them, run once, and outlive their workers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from deploy.alerts import CUSTODY_SECONDS
from deploy.onebox import postgres
from migrations.run import migrate
from services.ingest.adapters.erasures_sql import CUSTODY_QUEUE, HOLD_PARTS
from services.ingest.main import ingest_tasks
from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime import jobs
from services.runtime.database import create_engine, transaction
from services.runtime.jobs import Tasks, Worker
from services.runtime.metrics import Metrics
from tests.support.postgres import Database


class Seen:
    """What the tasks were called with, and when."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.one = asyncio.Event()

    async def task(self, package: str) -> None:
        self.calls.append((package, time.monotonic()))
        self.one.set()


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)


def count(database: Database, where: str = "true") -> int:
    with psycopg.connect(database.admin_url) as connection:
        query = f"SELECT count(*) FROM ingest_queue.procrastinate_jobs WHERE {where}"  # noqa: S608 - a test's constant
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


async def until(condition: object, seconds: float = 15.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_rolled_back_transaction_leaves_no_job(database: Database) -> None:
    engine = create_engine(database.url_for("nopluu_ingest"), application_name="test")
    tasks = Tasks("ingest_queue")
    with pytest.raises(RuntimeError, match="no"):  # noqa: PT012 - the transaction is what must see the exception
        async with transaction(engine) as connection:
            await tasks.defer(connection, "complete_package", package="p")
            raise RuntimeError("no")
    assert count(database) == 0
    await engine.dispose()


async def test_a_committed_job_runs_once_within_a_tenth_of_a_second(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    tasks, seen = Tasks("ingest_queue"), Seen()
    worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
    worker.register("complete_package", seen.task, retries=3)
    async with working(worker):
        async with transaction(engine) as connection:  # the first job: the worker has begun to listen when it is done
            await tasks.defer(connection, "complete_package", package="first")
        await asyncio.wait_for(seen.one.wait(), 10)
        await until(lambda: count(database) == 0)
        delays = []
        for number in range(10):
            seen.one.clear()
            async with transaction(engine) as connection:
                await tasks.defer(connection, "complete_package", package=f"{number}")
            committed = time.monotonic()
            await asyncio.wait_for(seen.one.wait(), 10)
            delays.append(seen.calls[-1][1] - committed)
        await until(lambda: count(database) == 0)
    assert sorted(delays)[5] < 0.1
    assert [package for package, _ in seen.calls] == ["first", *map(str, range(10))]
    await engine.dispose()


async def test_what_somebody_waits_for_runs_before_all_that_waits(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    tasks, seen = Tasks("ingest_queue", first=frozenset({"complete_package"})), Seen()
    worker = Worker(url, "ingest_queue", metrics=Metrics("test"), concurrency=1)
    worker.register("complete_package", seen.task, retries=3)
    worker.register("deliver_message", seen.task, retries=3)
    async with transaction(engine) as connection:
        for name, package in (("deliver_message", "told"), ("complete_package", "one"), ("complete_package", "two")):
            await tasks.defer(connection, name, package=package)
    async with working(worker):
        await until(lambda: count(database) == 0)
    assert [package for package, _ in seen.calls] == ["one", "two", "told"]
    await engine.dispose()


async def test_nothing_of_a_job_starts_before_its_transaction_commits(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    tasks, seen = Tasks("ingest_queue"), Seen()
    worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
    worker.register("complete_package", seen.task, retries=0)
    async with working(worker):
        async with transaction(engine) as connection:
            await tasks.defer(connection, "complete_package", package="p")
            await asyncio.sleep(1.5)
            assert not seen.calls
        await asyncio.wait_for(seen.one.wait(), 5)
    await engine.dispose()


def queue_of(database: Database) -> psycopg.Connection:
    """The owner's connection to ingest's queue, whose triggers look for its tables on the path."""
    return psycopg.connect(database.admin_url, options="-c search_path=ingest_queue")


async def test_the_custodians_queue_ages_for_every_worker_to_see_and_is_young_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NopluuCustodyLate` (deploy/alerts.py): nobody serves the queue, or its jobs fail again and again."""
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.1)
    url = database.url_for("nopluu_ingest")
    engine, metrics, seen = create_engine(url, application_name="test"), Metrics("test"), Seen()

    def age(stage: str) -> float:
        labels = {"stage": stage}
        return metrics.registry.get_sample_value("nopluu_queue_unfinished_seconds", labels) or 0.0

    async with transaction(engine) as connection:
        await ingest_tasks().defer(connection, HOLD_PARTS, package="p")
    with queue_of(database) as owner:  # put off by a retry a moment ago, but deferred long before
        owner.execute("UPDATE procrastinate_events SET at = at - interval '20 minutes'")
        owner.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour', attempts = 9")
    ordinary = Worker(url, "ingest_queue", metrics=metrics)
    ordinary.register("complete_package", seen.task, retries=3)
    async with working(ordinary):
        await until(lambda: age(HOLD_PARTS) > CUSTODY_SECONDS)
        assert age("complete_package") == 0
        with queue_of(database) as owner:
            owner.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        custodian = Worker(url, "ingest_queue", metrics=Metrics("custodian"), queue=CUSTODY_QUEUE)
        custodian.register(HOLD_PARTS, seen.task, retries=3)
        async with working(custodian):
            await until(lambda: count(database) == 0)
        await until(lambda: age(HOLD_PARTS) == 0)
    assert [package for package, _ in seen.calls] == ["p"]
    await engine.dispose()


async def test_a_failing_job_is_tried_again_and_then_told_as_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.2)
    url = database.url_for("nopluu_catalog")
    engine = create_engine(url, application_name="test")
    metrics, attempts = Metrics("test"), 0

    async def broken(message: str) -> None:
        nonlocal attempts
        attempts += 1
        raise ValueError(message)

    worker = Worker(url, "catalog_queue", metrics=metrics)
    worker.register("index", broken, retries=1)
    async with transaction(engine) as connection:
        await Tasks("catalog_queue").defer(connection, "index", message="m")

    def failures() -> float | None:
        return metrics.registry.get_sample_value("nopluu_jobs_total", {"task": "index", "outcome": "failed"})

    async with working(worker):
        await until(lambda: failures() == 1)
        await until(lambda: metrics.registry.get_sample_value("nopluu_jobs_failed", {"stage": "index"}) == 1)
    assert attempts == 2
    await engine.dispose()


async def test_two_jobs_of_one_package_never_run_at_once(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    running, most, done = 0, 0, 0

    async def slow(package: str) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        done += 1

    worker = Worker(url, "ingest_queue", metrics=Metrics("test"), concurrency=4)
    worker.register("complete_package", slow, retries=0)
    for _ in range(4):
        async with transaction(engine) as connection:
            await Tasks("ingest_queue").defer(connection, "complete_package", package="same")
    async with working(worker):
        await until(lambda: done == 4)
    assert most == 1
    await engine.dispose()


async def test_a_periodic_function_runs_again_and_again(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    runs = 0

    async def tick() -> None:
        nonlocal runs
        runs += 1

    worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
    worker.periodic("tick", "* * * * * *", tick)
    async with working(worker):
        await until(lambda: runs >= 2)


_KILLED = """
import asyncio, sys
from deploy.alerts import CUSTODY_SECONDS
from deploy.onebox import postgres
from migrations.run import migrate
from services.ingest.adapters.erasures_sql import CUSTODY_QUEUE, HOLD_PARTS
from services.ingest.main import ingest_tasks
from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime import jobs
from services.runtime.metrics import Metrics
jobs.HEARTBEAT_SECONDS = 0.2
async def hang(package):
    print("begun", flush=True)
    await asyncio.sleep(600)
worker = jobs.Worker(sys.argv[1], "ingest_queue", metrics=Metrics("test"))
worker.register("complete_package", hang, retries=3)
asyncio.run(worker.run(asyncio.Event()))
"""


async def test_the_job_of_a_killed_worker_is_done_by_another(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    async with transaction(engine) as connection:
        await Tasks("ingest_queue").defer(connection, "complete_package", package="p")
    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _KILLED,
        url,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert victim.stdout is not None
    assert await asyncio.wait_for(victim.stdout.readline(), 20) == b"begun\n"
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    assert count(database, "status = 'doing'") == 1
    monkeypatch.setattr(jobs, "STALLED_SECONDS", 1.0)
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.2)
    seen = Seen()
    worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
    worker.register("complete_package", seen.task, retries=3)
    async with working(worker):
        await asyncio.wait_for(seen.one.wait(), 20)
        await until(lambda: count(database) == 0)
    assert len(seen.calls) == 1
    await engine.dispose()


async def test_a_job_that_kills_every_worker_ends_as_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.2)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "INSERT INTO ingest_queue.procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            " VALUES ('ingest_queue', 'poison', '{}', 'doing', 3)"
        )
    metrics = Metrics("test")

    async def poison() -> None:
        raise AssertionError("it is not tried again")

    worker = Worker(database.url_for("nopluu_ingest"), "ingest_queue", metrics=metrics)
    worker.register("poison", poison, retries=3)
    async with working(worker):
        await until(
            lambda: metrics.registry.get_sample_value("nopluu_jobs_total", {"task": "poison", "outcome": "failed"}) == 1
        )
    assert count(database, "status = 'failed'") == 1


async def test_a_worker_outlives_a_lost_connection(database: Database) -> None:
    url = database.url_for("nopluu_ingest")
    engine = create_engine(url, application_name="test")
    tasks, seen = Tasks("ingest_queue"), Seen()
    worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
    worker.register("complete_package", seen.task, retries=5)
    async with working(worker):
        async with transaction(engine) as connection:
            await tasks.defer(connection, "complete_package", package="before")
        await asyncio.wait_for(seen.one.wait(), 10)
        with psycopg.connect(database.admin_url) as connection_:
            connection_.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'nopluu_ingest' AND datname = current_database()"
            )
        seen.one.clear()
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT 1"))
            await tasks.defer(connection, "complete_package", package="after")
        await asyncio.wait_for(seen.one.wait(), 20)
    assert {package for package, _ in seen.calls} == {"before", "after"}
    await engine.dispose()


async def test_a_worker_outlives_the_databases_crash_and_no_committed_job_is_lost(
    postgres_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "STALLED_SECONDS", 2.0)
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(jobs, "DRAIN_SECONDS", 1.0)
    server = postgres.start(postgres_folder)
    try:
        migrate(server.admin_url)
        url = server.url_for("nopluu_ingest")
        engine = create_engine(url, application_name="test")
        tasks = Tasks("ingest_queue")
        done: set[str] = set()

        async def work(package: str) -> None:
            await asyncio.sleep(0.05)
            done.add(package)

        worker = Worker(url, "ingest_queue", metrics=Metrics("test"))
        worker.register("complete_package", work, retries=20)
        committed: set[str] = set()
        async with working(worker):
            for number in range(60):
                if number == 30:
                    server.kill()
                    server = await asyncio.to_thread(postgres.start, postgres_folder)
                try:
                    async with transaction(engine) as connection:
                        await tasks.defer(connection, "complete_package", package=f"{number}")
                except DatabaseUnavailable:
                    continue
                committed.add(f"{number}")
            await until(lambda: committed <= done, 40)
        assert len(committed) > 50
        await engine.dispose()
    finally:
        server.stop()
