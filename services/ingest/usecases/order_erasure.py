"""Destroy the keys of components, in the rows and in the recovery records; the stored bytes follow (`finish_erasure`).

From the moment this commits nobody can read them: reading looks for the key in the rows. Order of effects: under the
lock of all versions of the dossier the rows lose their keys → each touched record is written anew without them → the
same transaction holds the log event, the order, the message to catalog and the job that replaces the stored copies. A crash before the commit
has destroyed nothing but may leave records that are ahead of the rows; the custodian repeats the order under its id.

An officer's decision calls the two halves itself, so that decision and erasure stand or fall together:

    drawn = await draw_keys(order.package, ledger=ledger, keys=keys)      # the KMS may be slow: no lock is held yet
    async with ledger.transaction() as books:
        …                                                                 # the decision
        await erase(books, order, drawn, plans=plans, vault=vault, world=world)

Source: DESIGN 5.5, 7; DECISION-0018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.ingest.domain.erasure import Erasure, ErasureKind, ErasureOrder, effect
from services.ingest.domain.package import Package
from services.ingest.domain.states import Event, transition
from services.ingest.usecases.complete_package import CATALOG
from services.ingest.usecases.plans import PlanSource
from services.ingest.usecases.ports import Books, ComponentRow, Keys, Ledger, Vault, World
from services.ingest.usecases.renew_record import RecordKey, RecordKeyStale, draw_record_key, renew_record
from services.kernel.canonical import canonical, rfc3339
from services.kernel.erasure_message import TYPE, ComponentsErased
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.refusals.erasure import (
    ErasureComponentsUnknown,
    ErasureConflict,
    ErasureHeld,
    ErasureTooEarly,
)
from services.kernel.refusals.packages import PackageUnknown


class VersionsMoved(Exception):
    """A version of the dossier was sealed after the keys for its record were drawn: draw them again."""


async def order_erasure(
    order: ErasureOrder, *, plans: PlanSource, ledger: Ledger, vault: Vault, keys: Keys, world: World
) -> Erasure:
    """Carry out a custodian's order in the rows. Safe to repeat under the same id.

    Raises:
        PackageUnknown, ErasureComponentsUnknown, ErasureHeld.
        ErasureTooEarly: a disposal of what is not sealed.
        ErasureConflict: another order stands under this id.
        StoreUnavailable, KmsUnavailable: nothing was erased.
    """
    while True:
        drawn = await draw_keys(order.package, ledger=ledger, keys=keys)
        try:
            async with ledger.transaction() as books:
                return await erase(books, order, drawn, plans=plans, vault=vault, world=world)
        except (VersionsMoved, RecordKeyStale):
            continue  # a dossier's versions and levels do not move for ever: each must be uploaded first, or decided


async def draw_keys(package: PackageId, *, ledger: Ledger, keys: Keys) -> Mapping[PackageId, RecordKey]:
    """Fresh keys for the recovery records of every sealed version of the package's dossier; empty for an unknown one.

    Raises:
        KmsUnavailable
    """
    async with ledger.transaction() as books:
        found = await books.package(package)
        versions = [] if found is None else await books.erasures.lock_chain(found.chain)
        rows = {version.id: await books.components(version.id) for version in versions if version.seal_event}
    return {
        version.id: await draw_record_key(version, rows[version.id], keys) for version in versions if version.id in rows
    }


async def erase(
    books: Books,
    order: ErasureOrder,
    drawn: Mapping[PackageId, RecordKey],
    *,
    plans: PlanSource,
    vault: Vault,
    world: World,
) -> Erasure:
    """The order's effect within the caller's transaction; `drawn` comes from `draw_keys` before it.

    Raises:
        as `order_erasure`, and VersionsMoved, RecordKeyStale.
    """
    standing = await books.erasures.find(order.id)
    if standing is not None:
        if standing.order != order:
            raise ErasureConflict
        return standing
    found = await books.package(order.package)
    if found is None:
        raise PackageUnknown
    versions = {version.id: version for version in await books.erasures.lock_chain(found.chain)}
    package = versions.get(order.package)
    if package is None:
        raise PackageUnknown
    expelled = order.kind is ErasureKind.EXPULSION
    if package.seal_event is None and not expelled:
        raise ErasureTooEarly(state=package.state.value)
    named = _named(order, await books.components(package.id))
    result = effect(order, named, await books.erasures.references(named))
    if result.held:
        raise ErasureHeld(components=result.held)
    await books.erasures.forget_keys(result.rows)
    now = world.now()
    marked = await books.erasures.mark_erased(result.gone, now, expelled=expelled)
    erasure = Erasure(order, result.gone, result.kept, now, None)
    await books.erasures.add(erasure)
    await _plan_copies(books, erasure, versions, plans)
    if package.seal_event is None:
        await _end_unsealed(books, package, now)
    elif expelled and order.components is None:
        after = transition(package.state, Event.EXPEL)
        if after is not None:
            await books.set_state(package.id, after)
    await books.journal(_erased_event(erasure))
    if result.gone:
        told = ComponentsErased(world.new_id(), now, found.chain, expelled, result.gone)
        await books.post(told.id, CATALOG, TYPE, told.to_bytes(), now)
    for touched in sorted({order.package, *marked, *(version for version, _ in result.rows)}):
        if versions[touched].seal_event is not None:
            if touched not in drawn:
                raise VersionsMoved
            await renew_record(books, touched, drawn[touched], vault=vault, world=world)
    return erasure


def _named(order: ErasureOrder, rows: Sequence[ComponentRow]) -> list[ComponentId]:
    """The named components in the package's order, each once."""
    own = list(dict.fromkeys(row.id for row in rows))
    if order.components is None:
        return own
    unknown = order.components.difference(own)
    if unknown:
        raise ErasureComponentsUnknown(components=len(unknown))
    return [component for component in own if component in order.components]


async def _end_unsealed(books: Books, package: Package, now: datetime) -> None:
    """Such a package can never be completed without what goes: its keys go, its parts are the reaper's, and it has ended."""
    await books.erasures.forget_keys([(package.id, row.id) for row in await books.components(package.id)])
    await books.withdraw_parts(package.id)
    after = transition(package.state, Event.EXPEL)
    if after is not None:
        await books.set_state(package.id, after, stored_parts=0)
        await books.journal(canonical({"type": "expelled", "package": str(package.id), "at": rfc3339(now)}))


async def _plan_copies(
    books: Books, erasure: Erasure, versions: Mapping[PackageId, Package], plans: PlanSource
) -> None:
    """Note every part that holds bytes of what is gone and that a sealed version needs for the rest."""
    numbers: dict[PackageId, set[int]] = {}
    for origin, position in await books.erasures.positions(erasure.components):
        if versions[origin].seal_event is None:
            continue
        plan = await plans.plan(books, origin, versions[origin].plan_sha256)
        numbers.setdefault(origin, set()).update(plan.parts_of(position))
    for origin, touched in numbers.items():
        await books.erasures.add_parts(erasure.order.id, origin, sorted(touched))


def _erased_event(erasure: Erasure) -> bytes:
    order = erasure.order
    return canonical(
        {
            "type": "erased",
            "erasure": str(order.id),
            "kind": order.kind.value,
            "package": str(order.package),
            "components": [str(component) for component in erasure.components],
            "kept": [str(component) for component in erasure.kept],
            "instrument": order.instrument,
            "client": str(order.client),
            "officer": order.officer,
            "erased_at": rfc3339(erasure.ordered_at),
        }
    )
