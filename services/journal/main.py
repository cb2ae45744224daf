"""The sequencer as a process: `python -m services.journal.main`. Any number may run; one is active, the others wait."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from services.journal.duty import Duty
from services.journal.publication import Publication
from services.journal.refusing import LogRefused
from services.journal.sequencer import Sequencer
from services.journal.settings import JournalSettings
from services.journal.witnesses import Witnesses
from services.runtime import database
from services.runtime.admin import create_admin
from services.runtime.logging import configure, logger
from services.runtime.metrics import Metrics
from services.runtime.object_store.s3 import S3Store
from services.runtime.server import run, serve_admin
from services.runtime.unfinished import Wholeness

REFUSED = 3
"""Exit code where the log does not continue what was signed: starting again will not help."""


async def main(stop: asyncio.Event) -> None:
    """Number and sign until `stop`."""
    settings = JournalSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    configure("journal", settings.log_level)
    metrics = Metrics("journal")
    engine = database.create_engine(settings.database_url_file.read_text().strip(), application_name="nopluu-journal")
    store = S3Store(settings.s3())
    publication = Publication(store)
    policy, signer, known = settings.policy(), settings.signer(), settings.known_keys()
    sequencer = Sequencer(signer, known, publication=publication, now=lambda: datetime.now(UTC), policy=policy)
    witnesses = Witnesses(policy, [signer.verifier, *known], store=store, metrics=metrics)
    duty = Duty(engine, sequencer, publication, metrics=metrics, witnesses=witnesses)
    whole = Wholeness(engine)
    checks = {
        "database": lambda: database.ready(engine),
        "rebuild": whole.check,
        "store": store.ready,
        "log": duty.ready,
    }
    admin = create_admin(checks, metrics=metrics)
    listening = asyncio.create_task(serve_admin(admin, settings.admin_listen, stop))
    try:
        await _first(asyncio.create_task(whole.then(duty.run, stop)), listening, stop)
    except LogRefused as refused:
        logger().error("log-refused", code=refused.code)
        sys.stderr.write(f"{refused.text.vi} {refused.fix.vi}\n{refused.text.en} {refused.fix.en}\n")
        raise SystemExit(REFUSED) from refused
    finally:
        await witnesses.close()
        await store.close()
        await engine.dispose()


async def _first(duty: asyncio.Task[None], listening: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Whichever ends first ends the other; the failure of either is raised."""
    await asyncio.wait((duty, listening), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    outcomes = await asyncio.gather(duty, listening, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


if __name__ == "__main__":
    run(main)
