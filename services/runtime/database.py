"""PostgreSQL for the services: one engine a process, one transaction a unit of work.

SQLAlchemy 2 async over psycopg 3. Statements never carry their parameters into an error's text, because parameters
are titles and wrapped keys.

Source: DESIGN 3 ("One SQL dialect"), security register §7 (cancellation).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from services.kernel.refusals.platform import DatabaseUnavailable
from services.runtime.metrics import Metrics

CONNECT_SECONDS: Final = 5
POOL_SECONDS: Final = 5
RETRY_AFTER_SECONDS: Final = 2

# SQLSTATE classes and codes after which the same request may succeed: connection lost, resources, operator's
# intervention, deadlock and serialisation, lock or statement timeout, a standby that cannot write.
_PASSING_CLASSES: Final = ("08", "40", "53", "57", "58")
_PASSING_CODES: Final = ("25006", "55P03")


def create_engine(
    url: str, *, application_name: str, pool_size: int = 8, metrics: Metrics | None = None
) -> AsyncEngine:
    """An engine for one login role; it connects on first use.

    `url` is a libpq URI (`postgresql://role@/database?host=/socket/folder`, or with host and port). At most `pool_size`
    connections; a caller waits `POOL_SECONDS` for one. `metrics` tell how many are lent out.
    """
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )
    pool = engine.sync_engine.pool
    if metrics is not None and isinstance(pool, QueuePool):
        metrics.pool_in_use.set_function(pool.checkedout)
    return engine


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed when the block ends, rolled back when it raises or is cancelled.

    Raises:
        DatabaseUnavailable: the database is away, busy or restarting. Where it broke at the commit itself the effect
            may stand; every use case may therefore be repeated.
    """
    with unavailable_as_refusal():
        async with engine.begin() as connection:
            yield connection


@contextmanager
def unavailable_as_refusal() -> Iterator[None]:
    """Turn the errors after which a repeat may succeed into the refusal; others pass.

    Raises:
        DatabaseUnavailable
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(retry_after=RETRY_AFTER_SECONDS) from error
    except DBAPIError as error:
        if not is_passing(error):
            raise
        raise DatabaseUnavailable(retry_after=RETRY_AFTER_SECONDS) from error


def is_passing(error: DBAPIError) -> bool:
    """Whether the same statement may succeed later, judged by its SQLSTATE; without one the connection was lost."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or type(error.orig).__name__ in {"OperationalError", "InterfaceError"}
    return state[:2] in _PASSING_CLASSES or state in _PASSING_CODES


async def ready(engine: AsyncEngine) -> None:
    """Return where the database answers and can be written to.

    Raises:
        DatabaseUnavailable
    """
    async with transaction(engine) as connection:
        if (await connection.execute(text("SELECT pg_is_in_recovery()"))).scalar_one():
            raise DatabaseUnavailable(retry_after=RETRY_AFTER_SECONDS)
