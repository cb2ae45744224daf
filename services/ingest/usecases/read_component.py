"""Read a component's bytes under catalog's grant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.ingest.domain.byte_ranges import Asked, resolve
from services.ingest.domain.package import StoredPart
from services.ingest.domain.states import READABLE
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import Books, ComponentPlace, ComponentRow, Keys, Ledger, Nonce, Vault, World
from services.ingest.usecases.running_readings import RunningReadings
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import ClientId, ComponentId
from services.kernel.layout import Plan
from services.kernel.refusals.packages import ComponentUnknown, RangeUnsatisfiable
from services.kernel.sealing.keys import KeyBroken, unwrap_component_key
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start … end - 1` of a component, which come from `body`."""

    start: int
    end: int
    body: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Reading:
    """An opened component, and the pieces of it that were asked for, in that order."""

    component: ComponentRow
    pieces: tuple[Piece, ...]

    @property
    def whole(self) -> bool:
        return [(piece.start, piece.end) for piece in self.pieces] == [(0, self.component.size)]


Choose = Callable[[ComponentRow], Sequence[Asked] | None]
"""Which ranges of a component are wanted, now that it is known; None for the whole. Its refusals leave the grant unused."""


async def read_component(
    component_id: ComponentId,
    reader: ClientId,
    grant: Nonce,
    choose: Choose,
    *,
    plans: PlanSource,
    ledger: Ledger,
    vault: Vault,
    keys: Keys,
    world: World,
    running: RunningReadings,
) -> Reading:
    """Use a verified grant once and open the component, or a range of it.

    Holds and erasure are looked up now, in ingest's own rows, whatever catalog believed when it gave the grant, and again
    while the bytes leave: a body raises ReadingCut within two seconds of a hold, at whichever instance. The reading of a
    labelled document is journaled in the transaction that uses the grant up. Pieces are opened one after the other, as
    they are iterated: a few MiB a reader, whatever was asked for.

    Raises:
        ComponentUnknown: none, held, erased or not sealed: one answer for all.
        RequestReplayed: the grant was used.
        RangeUnsatisfiable: every range lies outside the component.
        RangesRefused: some overlap.
        whatever `choose` raises.
        KmsUnavailable: also where it opens the package's key to another; the grant is used up.
    """
    opened = running.moment()
    async with ledger.transaction() as books:
        await books.claim(grant)
        place = await books.place(component_id)
        if place is None or place.held or place.origin.held or place.erased or place.origin.state not in READABLE:
            raise ComponentUnknown
        spans = _spans(choose(place.component), place.component.size)
        plan = await plans.plan(books, place.origin.id, place.origin.plan_sha256)
        parts: dict[int, StoredPart] = {}
        for start, end in spans:
            parts.update(await stored_parts(books, plan, place, start, end))
        if place.component.level is not Level.NONE:
            await books.journal(
                canonical(
                    {
                        "type": "component_read",
                        "component": str(component_id),
                        "client": str(reader),
                        "read_at": rfc3339(world.now()),
                    }
                )
            )
    key = await keys.open_package_key(place.package_key)
    try:
        unwrap_component_key(key, place.component.wrapped_key)
    except KeyBroken as error:
        raise keys.disown(place.package_key) from error
    return Reading(
        place.component,
        tuple(
            Piece(start, end, running.guard(component_id, opened, vault.read(place, plan, parts, key, start, end)))
            for start, end in spans
        ),
    )


async def stored_parts(
    books: Books, plan: Plan, place: ComponentPlace, start: int, end: int
) -> Mapping[int, StoredPart]:
    """The parts that hold bytes `start … end - 1` of the component, by number."""
    position = place.component.plan_position
    if position is None or start == end:
        return {}
    pieces = plan.locate(position, start, end)
    return {part.number: part for part in await books.parts(place.origin.id, pieces[0].part, pieces[-1].part)}


def _spans(asked: Sequence[Asked] | None, size: int) -> tuple[tuple[int, int], ...]:
    if asked is None:
        return ((0, size),)
    spans = resolve(asked, size)
    if not spans:  # of an empty component no range can be satisfied
        raise RangeUnsatisfiable(length=size)
    return spans
