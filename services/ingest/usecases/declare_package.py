"""Declare a package: judge its manifest, freeze its plan, make its keys. No byte of content has moved before this."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.ingest.domain.package import UPLOAD_WINDOW, Package
from services.ingest.domain.states import ENDED, State
from services.ingest.usecases.plans import parsed_plan
from services.ingest.usecases.ports import (
    Books,
    ComponentRow,
    Directory,
    Judge,
    Judged,
    JudgedComponent,
    Keys,
    Ledger,
    PackageDescription,
    PackageKey,
    RefusedPackage,
    RuleStore,
    Submitter,
    Verdict,
    World,
)
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import PART_SIZES, Plan, PlannedComponent
from services.kernel.refusals import Pointer, Text
from services.kernel.refusals.incidents import ContentHeld
from services.kernel.refusals.packages import (
    AgencyPackagesLimit,
    FondsUnknown,
    PackageRefused,
    PartSizeInvalid,
    SubmitterMismatch,
    SupersedesInvalid,
)
from services.kernel.sealing.keys import wrap_component_key
from services.kernel.secrecy import Level

_LIMIT_RETRY = 60  # seconds
_NOT_SUPERSEDED = (ENDED - {State.RETURNED}) | {State.DECLARED}
"""A version may be superseded from `receiving` on (DESIGN 5.5)."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The answer to a declaration. `plan` is the canonical plan; `new` is False where the package stood already."""

    package: Package
    description: PackageDescription
    plan: bytes
    new: bool


async def check_manifest(
    manifest: bytes,
    submitter: Submitter,
    *,
    ledger: Ledger,
    judge: Judge,
    rules: RuleStore,
    directory: Directory,
    world: World,
) -> Judged:
    """Judge a manifest and store nothing: what `declare_package` would say.

    Raises:
        ManifestInvalid, FondsUnknown, SubmitterMismatch, PackageRefused: with every pointer that must be mended.
        RulesMissing: no bundle is in force.
        ContentHeld: an officer holds some of the content.
    """
    ceiling = directory.ceiling(submitter.agency)
    judged = await judge.judge(manifest, await rules.current(), world.today(), ceiling)
    _fonds(judged, submitter, directory)
    if judged.refused:
        raise rules_refusal(judged.verdicts, "/v1/packages:check")
    async with ledger.transaction() as books:
        await _require_not_held(books, judged)
    return judged


async def standing_package(
    manifest: bytes, part_size: int, submitter: Submitter, *, ledger: Ledger, max_open: int
) -> Declared | None:
    """The live package that this manifest already made, if any; what can be said before anything is judged.

    Raises:
        PartSizeInvalid.
        ContentHeld: an officer holds some of that package.
        AgencyPackagesLimit: the agency already has `max_open` packages that are declared and not complete.
    """
    if part_size not in PART_SIZES:
        raise PartSizeInvalid
    digest = hashlib.sha256(manifest).digest()
    async with ledger.transaction() as books:
        standing = await books.live_package(submitter.agency, digest)
        if standing is not None:
            return await _standing(books, standing, part_size)
        if await books.open_packages(submitter.agency) >= max_open:
            raise AgencyPackagesLimit(limit=max_open, retry_after=_LIMIT_RETRY)
    return None


async def declare_package(
    manifest: bytes,
    part_size: int,
    submitter: Submitter,
    *,
    package_id: PackageId,
    ledger: Ledger,
    judge: Judge,
    rules: RuleStore,
    directory: Directory,
    keys: Keys,
    world: World,
) -> Declared:
    """Declare one dossier and freeze its plan.

    Safe to repeat: while the package is live, the same manifest from the same agency answers the same package. Nothing
    of a manifest is written before its verdict; of a refused one only codes, pointers and a salted digest are kept.

    Raises:
        ManifestInvalid, FondsUnknown, SubmitterMismatch, SupersedesInvalid, PackageRefused, RulesMissing, ContentHeld,
        KmsUnavailable.

    Source: DESIGN 5.1, 5.2, 5.5, 8, 9.
    """
    ceiling = directory.ceiling(submitter.agency)
    judged = await judge.judge(manifest, await rules.current(), world.today(), ceiling)
    fonds = _fonds(judged, submitter, directory)
    if judged.refused:
        await _keep_refusal(manifest, package_id, submitter, judged, ledger, world)
        raise rules_refusal(judged.verdicts, f"/v1/packages/{package_id}")
    while True:
        try:
            return await _declare(
                manifest, part_size, submitter, judged, fonds, package_id, ledger, directory, keys, world
            )
        except _ReferencesMoved:
            continue  # what is erased is erased for ever, and levels rise three times at most, so this ends


class _ReferencesMoved(Exception):
    """Components that were to be referenced were erased, or their keys moved, since they were found."""


async def _declare(
    manifest: bytes,
    part_size: int,
    submitter: Submitter,
    judged: Judged,
    fonds: FondsId,
    package_id: PackageId,
    ledger: Ledger,
    directory: Directory,
    keys: Keys,
    world: World,
) -> Declared:
    """Raises _ReferencesMoved."""
    now = world.now()
    earlier, verified = await _superseded(judged, submitter, fonds, ledger, directory)
    package_keys = await _package_keys(judged, verified, fonds, now.year, keys)
    # Key wrapping and canonical forms of 100,000 components take a second: not on the event loop.
    components, plan, canonical_plan = await asyncio.to_thread(
        _freeze, judged, package_id, verified, {key.level: opened for key, opened in package_keys}, part_size, world
    )
    package = Package(
        id=package_id,
        chain=earlier.chain if earlier else package_id,
        version=earlier.version + 1 if earlier else 1,
        supersedes=judged.supersedes,
        agency=submitter.agency,
        client=submitter.client,
        fonds=fonds,
        fonds_code=judged.fonds,
        profile=judged.profile,
        state=State.DECLARED if plan.part_count else State.VERIFYING,
        manifest_sha256=judged.manifest_sha256,
        plan_sha256=hashlib.sha256(canonical_plan).digest(),
        rules_sha256=judged.rules_sha256,
        part_size=part_size,
        part_count=plan.part_count,
        payload_size=plan.payload_size,
        component_count=len(components),
        stored_parts=0,
        declared_at=now,
        expires_at=now + UPLOAD_WINDOW,
        sealed_at=None,
        seal_event=None,
    )
    description = PackageDescription(
        judged.verdicts, judged.not_planned + _referenced(judged, components), judged.warnings, judged.levels
    )
    async with ledger.transaction() as books:
        await _require_not_held(books, judged)  # before any package is locked, as an officer does
        referenced = {(row.id, row.wrapped_key) for row in components if row.plan_position is None}
        if earlier is not None and not await _still_keyed(books, earlier.id, referenced):
            raise _ReferencesMoved
        new = await books.declare(
            package,
            description,
            manifest=manifest,
            plan=canonical_plan,
            keys=[key for key, _ in package_keys],
            components=components,
        )
        if not new:
            standing = await books.live_package(submitter.agency, judged.manifest_sha256)
            if standing is None:  # another version of the same dossier came first
                raise SupersedesInvalid(pointers=[_pointer("/supersedes", SupersedesInvalid)])
            return await _standing(books, standing, part_size)
        await books.journal(_declared_event(package, description))
        if package.state is State.VERIFYING:
            await books.wake_completion(package.id)
    return Declared(package, description, canonical_plan, new=True)


async def _still_keyed(books: Books, earlier: PackageId, referenced: Collection[tuple[ComponentId, bytes]]) -> bool:
    """Whether an earlier version has these very wrapped keys; nothing can take or move them before this transaction ends."""
    await books.package(earlier, lock=True)
    if not referenced:
        return True
    alive = {(row.id, row.wrapped_key) for row in await books.components(earlier)}
    return alive.issuperset(referenced)


async def _require_not_held(books: Books, judged: Judged) -> None:
    """Raises ContentHeld: an officer holds, or had expelled, some of what would be sent."""
    held = await books.held_contents([component.sha256 for component in judged.components])
    if held:
        raise ContentHeld(
            pointers=[
                _pointer(f"/documents/{component.document}/components/{component.index}", ContentHeld)
                for component in judged.components
                if component.sha256 in held
            ]
        )


async def _standing(books: Books, package: Package, part_size: int) -> Declared:
    """The package that stands, cut anew where another part size is asked for and no attempt was made yet.

    Raises:
        ContentHeld: an officer holds some of it.
    """
    if package.held or await books.held_documents(package.id):
        raise ContentHeld
    plan = await books.plan(package.id)
    if package.part_size != part_size and package.state is State.DECLARED:
        locked = await books.package(package.id, lock=True)
        if locked is not None and locked.state is State.DECLARED and not await books.has_attempts(package.id):
            whole = await parsed_plan(plan)
            cut = Plan(part_size, whole.components)
            plan = await asyncio.to_thread(cut.canonical)
            package = replace(
                locked,
                part_size=part_size,
                part_count=cut.part_count,
                plan_sha256=hashlib.sha256(plan).digest(),
            )
            await books.replan(package, plan)
    return Declared(package, await books.description(package.id), plan, new=False)


async def _keep_refusal(
    manifest: bytes, package_id: PackageId, submitter: Submitter, judged: Judged, ledger: Ledger, world: World
) -> None:
    salt = world.random(32)
    salted = hashlib.sha256(salt + manifest).digest()
    now = world.now()
    async with ledger.transaction() as books:
        await books.refuse(package_id, submitter, at=now, salt=salt, salted=salted, judged=judged)
        await books.journal(
            canonical(
                {
                    "type": "refused",
                    "package": str(package_id),
                    "submitter": str(submitter.agency),
                    "manifest_salted": salted.hex(),
                    "rules_sha256": judged.rules_sha256.hex(),
                    "verdicts_sha256": _verdicts_digest(judged.verdicts),
                    "refused_at": rfc3339(now),
                }
            )
        )


def _declared_event(package: Package, description: PackageDescription) -> bytes:
    return canonical(
        {
            "type": "declared",
            "package": str(package.id),
            "version": package.version,
            "submitter": str(package.agency),
            "fonds": str(package.fonds),
            "manifest_sha256": package.manifest_sha256.hex(),
            "plan_sha256": package.plan_sha256.hex(),
            "rules_sha256": package.rules_sha256.hex(),
            "verdicts_sha256": _verdicts_digest(description.verdicts),
            "declared_at": rfc3339(package.declared_at),
        }
    )


def _verdicts_digest(verdicts: Sequence[Verdict]) -> str:
    rows = [[entry.pointer, entry.effect, entry.report, list(entry.rules)] for entry in verdicts]
    return hashlib.sha256(canonical(rows)).hexdigest()


def _fonds(judged: Judged, submitter: Submitter, directory: Directory) -> FondsId:
    if not directory.agency_has_code(submitter.agency, judged.submitter):
        raise SubmitterMismatch(pointers=[_pointer("/submitter", SubmitterMismatch)])
    fonds = directory.fonds_for(submitter.agency, judged.fonds, judged.creator)
    if fonds is None:
        raise FondsUnknown(pointers=[_pointer("/fonds", FondsUnknown)])
    return fonds


def _pointer(pointer: str, cause: type[FondsUnknown | SubmitterMismatch | SupersedesInvalid | ContentHeld]) -> Pointer:
    return Pointer(pointer, cause.code, cause.detail)


def rules_refusal(verdicts: Sequence[Verdict], where: str) -> PackageRefused:
    """The refusal that these verdicts make; `where` is the address at which it can be read again."""
    refused = [verdict for verdict in verdicts if verdict.effect == "refuse"]
    return PackageRefused(
        documents=len(refused),
        where=where,
        pointers=[
            Pointer(verdict.pointer, ",".join(verdict.rules), Text(vi, en))
            for verdict in refused
            for vi, en in verdict.messages[:1]
        ],
    )


def kept_refusal(package: RefusedPackage) -> PackageRefused:
    """The refusal that a package met, from what was kept of it."""
    return rules_refusal(package.verdicts, f"/v1/packages/{package.id}")


def _referenced(judged: Judged, rows: Sequence[ComponentRow]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"/documents/{component.document}/components/{component.index}", "referenced")
        for component, row in zip(judged.components, rows, strict=True)
        if row.plan_position is None
    )


async def _superseded(
    judged: Judged, submitter: Submitter, fonds: FondsId, ledger: Ledger, directory: Directory
) -> tuple[Package | None, Mapping[tuple[bytes, int], ComponentRow]]:
    """The version that is replaced, and its verified components by digest and length."""
    if judged.supersedes is None:
        return None, {}
    async with ledger.transaction() as books:
        earlier = await books.package(judged.supersedes)
        if (
            earlier is None
            or earlier.held
            or earlier.fonds != fonds
            or earlier.agency not in directory.agencies_followed_by(submitter.agency)
            or earlier.state in _NOT_SUPERSEDED
        ):
            raise SupersedesInvalid(pointers=[_pointer("/supersedes", SupersedesInvalid)])
        latest = await books.latest_of_chain(earlier.chain)
        if latest is not None and latest.id != earlier.id:
            raise SupersedesInvalid(pointers=[_pointer("/supersedes", SupersedesInvalid)])
        if earlier.seal_event is None:  # what is not sealed may still expire: nothing may lean on it
            return earlier, {}
        rows = await books.components(earlier.id)
    rows.sort(key=lambda row: row.level)  # of equal ones the best protected counts
    return earlier, {(row.sha256, row.size): row for row in rows if row.wrapped_key}


def _reference(component: JudgedComponent, verified: Mapping[tuple[bytes, int], ComponentRow]) -> ComponentRow | None:
    """The earlier version's row that already holds these bytes, under a key of the same or a higher level."""
    earlier = verified.get((component.sha256, component.size))
    return earlier if earlier is not None and earlier.level >= component.level else None


async def _package_keys(
    judged: Judged,
    verified: Mapping[tuple[bytes, int], ComponentRow],
    fonds: FondsId,
    year: int,
    keys: Keys,
) -> list[tuple[PackageKey, bytes]]:
    """One fresh package key for each level that a component to be sent has."""
    levels = {component.level for component in judged.components if _reference(component, verified) is None}
    return [await keys.new_package_key(fonds, level, year) for level in sorted(levels)]


def _freeze(
    judged: Judged,
    package: PackageId,
    verified: Mapping[tuple[bytes, int], ComponentRow],
    package_keys: Mapping[Level, bytes],
    part_size: int,
    world: World,
) -> tuple[list[ComponentRow], Plan, bytes]:
    """The component rows, the plan over those to be sent, and the plan's canonical bytes."""
    rows: list[ComponentRow] = []
    planned: list[PlannedComponent] = []
    for position, component in enumerate(judged.components):
        earlier = _reference(component, verified)
        if earlier is not None:
            row = replace(
                earlier,
                position=position,
                document=component.document,
                name=component.name,
                media_type=component.media_type,
                plan_position=None,
            )
        else:
            row = _new_row(component, position, len(planned), package, package_keys[component.level], world)
            planned.append(PlannedComponent(row.id, row.size))
        rows.append(row)
    plan = Plan(part_size, planned)
    return rows, plan, plan.canonical()


def _new_row(
    component: JudgedComponent, position: int, planned: int, package: PackageId, package_key: bytes, world: World
) -> ComponentRow:
    return ComponentRow(
        position=position,
        id=ComponentId(world.new_id()),
        key_id=KeyId(UUID(bytes=world.random(16))),
        wrapped_key=wrap_component_key(package_key, world.random(32)),
        level=component.level,
        document=component.document,
        name=component.name,
        media_type=component.media_type,
        size=component.size,
        sha256=component.sha256,
        plan_position=planned,
        origin=package,
    )
