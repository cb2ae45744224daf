"""Background work: jobs are deferred inside the transaction that needs them, and run by any worker on any machine.

procrastinate keeps each service's queue in a schema of its own (`ingest_queue`). A job carries ids, never content. It
may run more than once (a worker that dies hands its jobs to others), so every task is idempotent. Two jobs of the same
name and arguments never run at once, but both run: a job deferred after another began must see what changed since
(DECISION-0007).

Source: DESIGN 3 "Background work", security register §6 (deferring inside SQLAlchemy).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import procrastinate
import psycopg
from procrastinate import exceptions as procrastinate_errors
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.logging import exception_names, logger
from services.runtime.logging import places as exception_places
from services.runtime.metrics import Metrics

POLL_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 5.0
STALLED_SECONDS: Final = 20.0
SWEEP_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 30.0
_LONGEST_RETRY: Final = 600.0

TaskFunction = Callable[..., Awaitable[None]]
"""A coroutine function that takes the job's arguments, all strings, by name."""


class Tasks:
    """The deferring half. `schema` is the queue's schema, which the connection's search_path must include.

    Jobs named in `first` run before all others that wait: somebody waits for them. Jobs named in `queues` go to workers
    of that queue only; all others to those of the schema's own.
    """

    def __init__(
        self, schema: str, *, first: frozenset[str] = frozenset(), queues: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._schema = schema
        self._first = first
        self._queues = queues
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector())

    async def defer(self, connection: AsyncConnection, name: str, **arguments: str) -> None:
        """Have task `name` run once the caller's transaction has committed; never, if it rolls back."""
        raw = await connection.get_raw_connection()
        await self._app.configure_task(
            name,
            queue=self._queues.get(name, self._schema),
            lock=_identity(name, arguments),
            priority=1 if name in self._first else 0,
            connection=raw.driver_connection,
        ).defer_async(**arguments)


def _identity(name: str, arguments: dict[str, str]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True, separators=(',', ':'))}"


class Worker:
    """The running half. Register tasks, then `run`; it outlives restarts of the database.

    `concurrency` jobs at once, each in the event loop. `url` is a libpq URI of the service's role; `queue` is the
    schema's own unless another is named.
    """

    def __init__(
        self, url: str, schema: str, *, metrics: Metrics, concurrency: int = 4, queue: str | None = None
    ) -> None:
        self._queue = queue or schema
        self._metrics = metrics
        self._concurrency = concurrency
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._tasks: dict[str, _Task] = {}
        self._measured: set[str] = set()
        self._periodic: dict[str, str] = {}

    def register(self, name: str, function: TaskFunction, *, retries: int) -> None:
        """Run jobs of this name with `function`; after `retries` further attempts a failure is final.

        Attempts are a second, two, four… at most ten minutes apart. A job whose worker died counts as an attempt.
        """
        if name in self._tasks:
            raise ValueError(f"task {name} is registered twice")
        self._tasks[name] = _Task(name, function, retries)

    def periodic(self, name: str, cron: str, function: Callable[[], Awaitable[None]]) -> None:
        """Run `function` by a cron line (five fields, or six with seconds last), once however many workers run.

        A run that fails waits for the next one.
        """

        async def without_time(timestamp: int) -> None:
            await function()

        self.register(name, without_time, retries=0)
        self._periodic[name] = cron

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; running jobs are then given `DRAIN_SECONDS` and otherwise left to be re-queued."""
        while not stop.is_set():
            try:
                await self._run_once(stop)
            except (procrastinate_errors.ConnectorException, psycopg.Error, OSError) as error:
                logger().warning("worker-lost-database", exception=exception_names(error))
            if not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1.0)

    async def _run_once(self, stop: asyncio.Event) -> None:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._url, min_size=1, max_size=self._concurrency + 3, timeout=5.0, reconnect_timeout=5.0
        )
        app = procrastinate.App(connector=connector)
        for task in self._tasks.values():
            self._declare(app, task)
        async with app.open_async():
            running = asyncio.create_task(
                app.run_worker_async(
                    queues=[self._queue],
                    name=self._queue,
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=POLL_SECONDS,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                    shutdown_graceful_timeout=DRAIN_SECONDS,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                )
            )
            sweeping = asyncio.create_task(self._sweep(connector))
            stopping = asyncio.create_task(stop.wait())
            parts = (running, sweeping, stopping)
            try:
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for part in parts:
                    part.cancel()
                results = await asyncio.gather(*parts, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    def _declare(self, app: procrastinate.App, task: _Task) -> None:
        metrics = self._metrics

        async def run_one(context: JobContext, /, **arguments: Any) -> None:
            begun = time.perf_counter()
            try:
                await task.function(**arguments)
            finally:
                metrics.job_seconds.labels(task.name).observe(time.perf_counter() - begun)
            metrics.jobs.labels(task.name, "succeeded").inc()

        cron = self._periodic.get(task.name)
        declared = app.task(
            name=task.name,
            queue=self._queue,
            pass_context=True,
            retry=_Retries(task, metrics),
            lock=task.name if cron else None,
            queueing_lock=task.name if cron else None,
        )(run_one)
        if cron:
            app.periodic(cron=cron, periodic_id=task.name)(declared)  # type: ignore[arg-type]  # its int is in **arguments

    async def _sweep(self, connector: procrastinate.PsycopgConnector) -> None:
        """Again and again: hand on the jobs of dead workers, and measure the queue."""
        while True:
            retries = json.dumps({task.name: task.retries for task in self._tasks.values()})
            for row in await connector.execute_query_all_async(_REQUEUE, seconds=STALLED_SECONDS, retries=retries):
                name, attempts = row["task_name"], row["attempts"]
                if row["status"] == "failed":
                    _final(self._metrics, name, row["id"], attempts, "worker-died")
                else:
                    self._metrics.jobs.labels(name, "stalled").inc()
                    logger().warning("job-requeued", task=name, job=row["id"], attempts=attempts)
            await self._measure(connector)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _measure(self, connector: procrastinate.PsycopgConnector) -> None:
        found = {row["task_name"]: row for row in await connector.execute_query_all_async(_MEASURE)}
        self._measured |= {*self._tasks, *found}  # others' jobs, too: one day they are done
        for name in self._measured:
            row = found.get(name, {})
            self._metrics.queue_depth.labels(name).set(row.get("depth", 0))
            self._metrics.queue_oldest_seconds.labels(name).set(row.get("oldest") or 0)
            self._metrics.queue_unfinished_seconds.labels(name).set(row.get("unfinished") or 0)
            self._metrics.jobs_failed.labels(name).set(row.get("failed", 0))


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    function: TaskFunction
    retries: int


class _Retries(procrastinate.BaseRetryStrategy):
    """Growing waits, then the end; both are told."""

    def __init__(self, task: _Task, metrics: Metrics) -> None:
        self._task = task
        self._metrics = metrics

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision(retry_at=datetime.now(UTC))
        if job.attempts >= self._task.retries:
            _final(self._metrics, self._task.name, job.id, job.attempts + 1, exception_names(exception), exception)
            return None
        wait = min(2.0**job.attempts, _LONGEST_RETRY)
        self._metrics.jobs.labels(self._task.name, "retried").inc()
        logger().warning(
            "job-retried",
            task=self._task.name,
            job=job.id,
            attempts=job.attempts + 1,
            retry_in=wait,
            exception=exception_names(exception),
            places=exception_places(exception),
        )
        return procrastinate.RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=wait))


def _final(
    metrics: Metrics, task: str, job: int | None, attempts: int, why: str, exception: BaseException | None = None
) -> None:
    metrics.jobs.labels(task, "failed").inc()
    logger().error(
        "job-failed",
        task=task,
        job=job,
        attempts=attempts,
        exception=why,
        places=[] if exception is None else exception_places(exception),
    )


# One conditional statement, so that two sweepers cannot hand on the same job twice, and so that no worker fetches a job
# that is to be given up. A task that this worker does not know goes on: others may.
_REQUEUE: Final = """
UPDATE procrastinate_jobs
   SET status = CASE WHEN attempts + 1 > (%(retries)s::jsonb ->> task_name)::int THEN 'failed' ELSE 'todo' END
                ::procrastinate_job_status,
       attempts = attempts + 1,
       scheduled_at = now()
 WHERE id IN (
    SELECT job.id
      FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
     WHERE job.status = 'doing'
       AND (worker.id IS NULL OR worker.last_heartbeat < now() - %(seconds)s * interval '1 second')
       FOR UPDATE OF job SKIP LOCKED)
   AND status = 'doing'
RETURNING id, task_name, attempts, status
"""
_MEASURE: Final = """
SELECT task_name,
       count(*) FILTER (WHERE status IN ('todo', 'doing')) AS depth,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       extract(epoch FROM max(now() - coalesce(job.scheduled_at, event.at))
           FILTER (WHERE status = 'todo' AND coalesce(job.scheduled_at, event.at) <= now()))::float8 AS oldest,
       extract(epoch FROM max(now() - event.at) FILTER (WHERE status IN ('todo', 'doing')))::float8 AS unfinished
  FROM procrastinate_jobs job
  LEFT JOIN LATERAL (SELECT at FROM procrastinate_events
                      WHERE job_id = job.id AND type = 'deferred' AND job.status IN ('todo', 'doing')
                      ORDER BY id LIMIT 1) event ON true
 GROUP BY task_name
"""
