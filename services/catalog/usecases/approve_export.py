"""Ask for leave to take restricted documents out, and settle it: two persons, each step a row and an event of the log.

Source: domain notes §3 rule 28; DECISION-0031.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

from services.catalog.domain.exports import ExportRequest, ExportTerms, Person, Step, possible
from services.catalog.domain.labels import Reader
from services.catalog.usecases.ports import Counter, Ledger, World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.officers import same_person
from services.kernel.refusals.catalog import DocumentUnknown
from services.kernel.refusals.exports import ExportDatesInvalid, ExportSamePerson, ExportSettled, ExportUnknown


async def ask_export(terms: ExportTerms, by: Person, *, reader: Reader, ledger: Ledger, world: World) -> ExportRequest:
    """Put a request before another person; it allows nothing yet.

    Raises:
        ExportDatesInvalid.
        DocumentUnknown: one of them does not exist, or is none that the reader may see.
    """
    if not terms.fits(world.today()):
        raise ExportDatesInvalid
    async with ledger.reading(reader) as shelves:
        for document in terms.documents:
            if await shelves.document(document) is None:
                raise DocumentUnknown
    request = ExportRequest(world.new_id(), terms, by, world.now())
    async with ledger.counter() as counter:
        await counter.exports.add(request)
        await counter.journal(_asked(request))
    return request


async def settle_export(id_: UUID, step: Step, by: Person, *, ledger: Ledger, world: World) -> ExportRequest:
    """Approve or decline a request, or end an approval before its day. Safe to repeat by the same person.

    Whoever asked may end or withdraw (decline) it, but never approve it.

    Raises:
        ExportUnknown.
        ExportSettled: it is not a step that follows.
        ExportSamePerson: whoever asked approves.
    """
    async with ledger.counter() as counter:
        request = await counter.exports.find(id_, lock=True)
        if request is None:
            raise ExportUnknown
        if request.steps and request.steps[-1][:2] == (step, by):
            return request
        if not possible(request, step):
            raise ExportSettled
        if step is Step.APPROVED and same_person(by, request.asked_by):
            raise ExportSamePerson
        now = world.now()
        await counter.exports.add_step(request.id, len(request.steps) + 1, step, by, now)
        settled = replace(request, steps=(*request.steps, (step, by, now)))
        await _log(counter, settled)
    return settled


async def list_exports(*, after: UUID | None, limit: int, ledger: Ledger) -> list[ExportRequest]:
    """A page of requests in the order of their asking."""
    async with ledger.counter() as counter:
        return await counter.exports.page(after=after, limit=limit)


def _asked(request: ExportRequest) -> bytes:
    terms = request.terms
    row = {
        "documents": sorted(str(document) for document in terms.documents),
        "number": terms.number,
        "decided_on": terms.decided_on.isoformat(),
        "authority": terms.authority,
        "recipient": terms.recipient,
        "until": terms.until.isoformat(),
        "officer": request.asked_by.officer,
    }
    return canonical(
        {
            "type": "export_asked",
            "export": str(request.id),
            "row_sha256": hashlib.sha256(canonical(row)).hexdigest(),
            "client": str(request.asked_by.client),
            "at": rfc3339(request.asked_at),
        }
    )


async def _log(counter: Counter, request: ExportRequest) -> None:
    step, by, at = request.steps[-1]
    event: dict[str, object] = {
        "type": "export_step",
        "export": str(request.id),
        "number": len(request.steps),
        "step": step.value,
        "client": str(by.client),
        "at": rfc3339(at),
    }
    await counter.journal(canonical(event))
