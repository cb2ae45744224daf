"""Bring the keys of what was raised under a KEK of its new level: rows and recovery records change, no object does.

A KEK belongs to fonds × level × year, so whoever may open the lower one must not be able to open what was raised since.
What is left to do is what the rows say, one step at a time, each in a transaction of its own under the lock of every
version of the dossier:

1. the package that first carried the component gets a package key of the new level, in its row and its record;
2. the component's key is wrapped by that one, in every version's row and record at once;
3. a package key that no component needs any more is removed.

Reading goes on: before and after a step the rows name a package key that is there, and a reader holds on to the pair it
found. A record is thus never in the store without the package key that another record's component needs, whichever of
them a crash left ahead of its rows. What was lowered keeps its key: declassifying re-encrypts nothing.

Source: DESIGN 7; DECISION-0027.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.ingest.domain.package import Package
from services.ingest.usecases.ports import ComponentRow, Keys, PackageKey, Vault, World
from services.ingest.usecases.raised_key_ports import KeyedBelow, RaisedKeyBooks, RaisedKeyLedger
from services.ingest.usecases.renew_record import RecordKey, RecordKeyStale, draw_record_key, renew_record
from services.kernel.identifiers import ComponentId, PackageId
from services.kernel.sealing.keys import KeyBroken, unwrap_component_key, wrap_component_key
from services.kernel.secrecy import Level

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Rekeying:
    """The ports that moving keys needs."""

    ledger: RaisedKeyLedger
    vault: Vault
    keys: Keys
    world: World


@dataclass(frozen=True, slots=True)
class _Dossier:
    """All versions of a dossier as their rows stood at one moment; `rows` are those of sealed versions."""

    chain: PackageId
    versions: Mapping[PackageId, Package]
    rows: Mapping[PackageId, Sequence[ComponentRow]]
    keys: Mapping[tuple[PackageId, Level], PackageKey] = field(repr=False)
    below: Sequence[KeyedBelow] = field(repr=False)
    unneeded: Sequence[tuple[PackageId, Level]]

    @property
    def missing(self) -> list[tuple[PackageId, Level]]:
        return sorted({(entry.origin, entry.wanted) for entry in self.below} - self.keys.keys())


async def rekey_raised(package: PackageId, ports: Rekeying) -> int:
    """Move the keys of the package's dossier until none is below its record's label; how many were moved.

    Safe to repeat, to interrupt and to run beside itself.

    Raises:
        KmsUnavailable, StoreUnavailable: what is done stays done.
    """
    moved = 0
    while (dossier := await _look(package, ports)) is not None:
        try:
            if dossier.missing:
                await _add_keys(dossier, ports)
            elif dossier.below:
                moved += await _move(dossier, ports)
            elif dossier.unneeded:
                await _drop(dossier, ports)
            else:
                break
        except RecordKeyStale:
            continue
    return moved


async def find_raised(ports: Rekeying) -> int:
    """Have every dossier looked at whose keys are below its labels; how many packages those are.

    A step that raises a label does this itself; here come those whose job was lost, with the database or otherwise.
    """
    found = 0
    last: PackageId | None = None
    while True:
        async with ports.ledger.transaction() as books:
            packages = await books.packages_keyed_below(last, _PAGE)
            for package in packages:
                await books.wake_rekeying(package)
        found += len(packages)
        if len(packages) < _PAGE:
            return found
        last = packages[-1]


async def _look(package_id: PackageId, ports: Rekeying) -> _Dossier | None:
    async with ports.ledger.transaction() as books:
        package = await books.package(package_id)
        if package is None:
            return None
        versions = {version.id: version for version in await books.erasures.lock_chain(package.chain)}
        return _Dossier(
            package.chain,
            versions,
            {id_: await books.components(id_) for id_, version in versions.items() if version.seal_event},
            {(id_, key.level): key for id_ in versions for key in await books.package_keys(id_)},
            await books.keyed_below(package.chain),
            await books.unneeded_keys(package.chain),
        )


async def _add_keys(dossier: _Dossier, ports: Rekeying) -> None:
    """Step 1."""
    made: dict[PackageId, list[PackageKey]] = {}
    for origin, level in dossier.missing:
        package = dossier.versions[origin]
        key, _ = await ports.keys.new_package_key(package.fonds, level, package.declared_at.year)
        made.setdefault(origin, []).append(key)
    drawn = await _draw(dossier, made, {}, ports)
    async with ports.ledger.transaction() as books:
        await books.erasures.lock_chain(dossier.chain)
        for origin, keys in made.items():
            standing = {key.level for key in await books.package_keys(origin)}
            for key in keys:
                if key.level not in standing:
                    await books.add_package_key(origin, key)
        await _renew(books, made, drawn, ports)


async def _move(dossier: _Dossier, ports: Rekeying) -> int:
    """Step 2; 0 where the rows have changed meanwhile."""
    levels = {entry.component: entry.wanted for entry in dossier.below}
    needed = {pair for entry in dossier.below for pair in ((entry.origin, entry.level), (entry.origin, entry.wanted))}
    opened = {pair: await ports.keys.open_package_key(dossier.keys[pair]) for pair in sorted(needed)}
    try:
        moved = await asyncio.to_thread(_rewrapped, dossier.below, opened)
    except KeyBroken as error:
        raise ports.keys.disown(*(dossier.keys[pair] for pair in needed)) from error
    holding = [id_ for id_, rows in dossier.rows.items() if any(row.id in levels for row in rows)]
    drawn = await _draw(dossier, holding, levels, ports)
    async with ports.ledger.transaction() as books:
        await books.erasures.lock_chain(dossier.chain)
        if list(await books.keyed_below(dossier.chain)) != list(dossier.below):
            return 0
        await _renew(books, await books.move_keys(moved), drawn, ports)
    return len(moved)


async def _drop(dossier: _Dossier, ports: Rekeying) -> None:
    """Step 3."""
    of = {package for package, _ in dossier.unneeded}
    drawn = await _draw(dossier, of, {}, ports)
    async with ports.ledger.transaction() as books:
        await books.erasures.lock_chain(dossier.chain)
        unneeded = [pair for pair in await books.unneeded_keys(dossier.chain) if pair in dossier.unneeded]
        await books.drop_package_keys(unneeded)
        await _renew(books, {package for package, _ in unneeded}, drawn, ports)


def _rewrapped(
    below: Sequence[KeyedBelow], opened: Mapping[tuple[PackageId, Level], bytes]
) -> dict[ComponentId, tuple[Level, bytes]]:
    """Raises KeyBroken. A second for some ten thousand components."""
    moved: dict[ComponentId, tuple[Level, bytes]] = {}
    for entry in below:
        key = unwrap_component_key(opened[entry.origin, entry.level], entry.wrapped)
        moved[entry.component] = entry.wanted, wrap_component_key(opened[entry.origin, entry.wanted], key)
    return moved


async def _draw(
    dossier: _Dossier, packages: Iterable[PackageId], levels: Mapping[ComponentId, Level], ports: Rekeying
) -> dict[PackageId, RecordKey]:
    """Keys for the records of those of the packages that are sealed, under the levels that their rows will have."""
    drawn: dict[PackageId, RecordKey] = {}
    for id_ in packages:
        if id_ in dossier.rows:
            rows = [replace(row, level=levels.get(row.id, row.level)) for row in dossier.rows[id_]]
            drawn[id_] = await draw_record_key(dossier.versions[id_], rows, ports.keys)
    return drawn


async def _renew(
    books: RaisedKeyBooks,
    touched: Iterable[PackageId],
    drawn: Mapping[PackageId, RecordKey],
    ports: Rekeying,
) -> None:
    """Raises RecordKeyStale where a version was sealed since the keys were drawn."""
    for id_ in sorted(touched):
        package = await books.package(id_)
        if package is None or package.seal_event is None:
            continue  # its first record will tell
        if id_ not in drawn:
            raise RecordKeyStale
        await renew_record(books, id_, drawn[id_], vault=ports.vault, world=ports.world)
