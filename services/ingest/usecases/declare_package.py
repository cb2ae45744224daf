"""Declare a package: judge its manifest, freeze its plan, make its keys. No byte of content has moved before this."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.ingest.domain.package import UPLOAD_WINDOW, Package
from services.ingest.domain.states import ENDED, State
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
    RuleStore,
    Submitter,
    World,
)
from services.kernel.identifiers import ComponentId, FondsId, KeyId, PackageId
from services.kernel.layout import PART_SIZES, Plan, PlannedComponent
from services.kernel.refusals import Pointer, Text
from services.kernel.refusals.packages import (
    FondsUnknown,
    PackageRefused,
    PartSizeInvalid,
    SubmitterMismatch,
    SupersedesInvalid,
)
from services.kernel.sealing.keys import wrap_component_key
from services.kernel.secrecy import Level


@dataclass(frozen=True, slots=True)
class Declared:
    """The answer to a declaration. `plan` is the canonical plan; `new` is False where the package stood already."""

    package: Package
    description: PackageDescription
    plan: bytes
    new: bool


async def check_manifest(
    manifest: bytes, submitter: Submitter, *, judge: Judge, rules: RuleStore, directory: Directory
) -> Judged:
    """Judge a manifest and store nothing: what `declare_package` would say.

    Raises:
        ManifestInvalid, FondsUnknown, SubmitterMismatch, PackageRefused: with every pointer that must be mended.
        RulesMissing: no bundle is in force.
    """
    judged = await judge.judge(manifest, await rules.current())
    _fonds(judged, submitter, directory)
    if judged.refused:
        raise _refusal(judged)
    return judged


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
        PartSizeInvalid, ManifestInvalid, FondsUnknown, SubmitterMismatch, SupersedesInvalid, PackageRefused,
        RulesMissing, KmsUnavailable.

    Source: DESIGN 5.1, 5.2, 5.5, 9.
    """
    if part_size not in PART_SIZES:
        raise PartSizeInvalid
    digest = hashlib.sha256(manifest).digest()
    async with ledger.transaction() as books:
        if standing := await books.live_package(submitter.agency, digest):
            return await _standing(books, standing)
    judged = await judge.judge(manifest, await rules.current())
    fonds = _fonds(judged, submitter, directory)
    now = world.now()
    if judged.refused:
        salt = world.random(32)
        async with ledger.transaction() as books:
            await books.refuse(
                package_id,
                submitter,
                at=now,
                salt=salt,
                salted=hashlib.sha256(salt + manifest).digest(),
                judged=judged,
            )
        raise _refusal(judged)

    earlier, verified = await _superseded(judged, submitter, fonds, ledger, directory)
    package_keys, components = await _components(judged, package_id, fonds, verified, keys, world)
    plan = Plan(
        part_size, [PlannedComponent(c.id, c.size) for c in components if c.plan_position is not None]
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
        manifest_sha256=digest,
        plan_sha256=plan.digest(),
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
    referenced = tuple(
        (f"/documents/{judged_component.document}/components/{judged_component.index}", "referenced")
        for judged_component, row in zip(judged.components, components, strict=True)
        if row.plan_position is None
    )
    description = PackageDescription(judged.verdicts, judged.not_planned + referenced, judged.warnings)
    canonical_plan = plan.canonical()
    async with ledger.transaction() as books:
        new = await books.declare(
            package, description, manifest=manifest, plan=canonical_plan, keys=package_keys, components=components
        )
        if not new:
            standing = await books.live_package(submitter.agency, digest)
            if standing is None:  # the other declaration ended in between; the client's retry starts afresh
                raise SupersedesInvalid
            return await _standing(books, standing)
        if package.state is State.VERIFYING:
            await books.wake_completion(package.id)
    return Declared(package, description, canonical_plan, new=True)


async def _standing(books: Books, package: Package) -> Declared:
    return Declared(package, await books.description(package.id), await books.plan(package.id), new=False)


def _fonds(judged: Judged, submitter: Submitter, directory: Directory) -> FondsId:
    if not directory.agency_has_code(submitter.agency, judged.submitter):
        raise SubmitterMismatch(pointers=[_pointer("/submitter", SubmitterMismatch)])
    fonds = directory.fonds_for(submitter.agency, judged.fonds)
    if fonds is None:
        raise FondsUnknown(pointers=[_pointer("/fonds", FondsUnknown)])
    return fonds


def _pointer(pointer: str, cause: type[FondsUnknown] | type[SubmitterMismatch]) -> Pointer:
    return Pointer(pointer, cause.code, cause.detail)


def _refusal(judged: Judged) -> PackageRefused:
    refused = [verdict for verdict in judged.verdicts if verdict.effect == "refuse"]
    return PackageRefused(
        documents=len(refused),
        pointers=[
            Pointer(verdict.pointer, ",".join(verdict.rules), Text(vi, en))
            for verdict in refused
            for vi, en in verdict.messages[:1]
        ],
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
            or earlier.fonds != fonds
            or earlier.agency not in directory.agencies_followed_by(submitter.agency)
            or earlier.state in {State.DECLARED, State.REFUSED, State.EXPIRED, State.ABANDONED, State.EXPELLED}
        ):
            raise SupersedesInvalid
        latest = await books.latest_of_chain(earlier.chain)
        if latest is not None and latest.id != earlier.id:
            raise SupersedesInvalid
        if earlier.state in ENDED - {State.RETURNED} or not earlier.complete:
            return earlier, {}
        rows = await books.components(earlier.id)
    if earlier.seal_event is None:
        return earlier, {}
    return earlier, {(row.sha256, row.size): row for row in rows}


async def _components(
    judged: Judged,
    package: PackageId,
    fonds: FondsId,
    verified: Mapping[tuple[bytes, int], ComponentRow],
    keys: Keys,
    world: World,
) -> tuple[list[PackageKey], list[ComponentRow]]:
    now = world.now()
    opened: dict[Level, tuple[PackageKey, bytes]] = {}
    rows: list[ComponentRow] = []
    planned = 0
    for position, component in enumerate(judged.components):
        earlier = verified.get((component.sha256, component.size))
        if earlier is not None and earlier.level == component.level:
            rows.append(
                replace(
                    earlier,
                    position=position,
                    document=component.document,
                    name=component.name,
                    media_type=component.media_type,
                    plan_position=None,
                )
            )
            continue
        if component.level not in opened:
            opened[component.level] = await keys.new_package_key(fonds, component.level, now.year)
        rows.append(_new_row(component, position, planned, package, opened[component.level][1], world))
        planned += 1
    return [key for key, _ in opened.values()], rows


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


def planned_rows(rows: Sequence[ComponentRow]) -> list[ComponentRow]:
    """The rows whose bytes this package itself carries, in the order of its plan."""
    return [row for row in rows if row.plan_position is not None]
