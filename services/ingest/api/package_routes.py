"""Packages: declare, check, follow, receive the receipt, abandon."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.ingest.api.bodies import require_media_type
from services.ingest.api.schemas import (
    CheckedAnswer,
    DeclaredAnswer,
    JudgingAnswer,
    PackagePage,
    PackageSummary,
    PendingReceipt,
    PlanAnswer,
    RefusedAnswer,
    StatusAnswer,
    address,
    summary,
)
from services.ingest.api.wiring import Submitting, Wired, submitter
from services.ingest.domain.states import State
from services.ingest.usecases.abandon_package import abandon_package
from services.ingest.usecases.declare_package import Declared, check_manifest, declare_package, standing_package
from services.ingest.usecases.read_package import (
    Judging,
    Refused,
    list_packages,
    package_document,
    package_receipt,
    package_status,
)
from services.kernel.identifiers import PackageId
from services.kernel.layout import MIB
from services.kernel.manifest import MAX_MANIFEST
from services.kernel.refusals.incidents import ContentHeld
from services.kernel.refusals.manifests import ManifestInvalid, ManifestNotJson, ManifestTooComplex, ManifestTooLarge
from services.kernel.refusals.packages import (
    AbandonTooLate,
    AgencyBusy,
    AgencyPackagesLimit,
    DeclarationLost,
    FondsUnknown,
    InstanceBusy,
    PackageRefused,
    PackageUnknown,
    PartSizeInvalid,
    RulesMissing,
    SubmitterMismatch,
    SupersedesInvalid,
)
from services.runtime.openapi import refusing
from services.runtime.problems import asked_language, problem, request_id
from services.runtime.signed_requests import checked_body

router = APIRouter(tags=["packages"])

_MANIFEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The manifest (`nopluu/manifest1`), at most 64 MiB; its digest is that of these bytes.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_JUDGED = (
    ManifestTooLarge,
    ManifestTooComplex,
    ManifestNotJson,
    ManifestInvalid,
    FondsUnknown,
    SubmitterMismatch,
    PackageRefused,
    RulesMissing,
    AgencyBusy,
    InstanceBusy,
    ContentHeld,
)
_PRIVATE = {"cache-control": "private, no-store"}


@router.post(
    "/v1/packages",
    summary="Khai báo gói nộp / Declare a package",
    description=(
        "Gửi bản kê của một hồ sơ; trả về mã gói, kết quả xét bí mật và kế hoạch gửi.\n\n"
        "Judges the manifest of one dossier and freezes its plan; not a byte of content has moved before this. The same "
        "manifest from the same agency answers the same package (200) while that one is live. Above 1,000 components "
        "the answer is 202 with the status address; declare the same manifest again once it is judged. "
        "`part_size` can change only before the first part is sent."
    ),
    status_code=201,
    response_model=DeclaredAnswer,
    responses={
        200: {"model": DeclaredAnswer, "description": "The package stands already."},
        202: {"model": JudgingAnswer, "description": "A large manifest is being judged."},
        **refusing(*_JUDGED, PartSizeInvalid, SupersedesInvalid, AgencyPackagesLimit),
    },
    openapi_extra=_MANIFEST,
)
async def declare(
    request: Request,
    sender: Submitting,
    wired: Wired,
    part_size: Annotated[int, Query(description="Bytes of a part: 1, 2, 4, 8 or 16 MiB.")] = 8 * MIB,
) -> Response:
    require_media_type(request, "application/json")
    with wired.in_flight.take(sender.agency, sender.content_length or 0):
        manifest = await checked_body(request, sender, max_bytes=MAX_MANIFEST)
        who = submitter(sender)
        standing = await standing_package(manifest, part_size, who, ledger=wired.ledger, max_open=wired.max_open)
        if standing is not None:
            return _declared(standing)

        async def declare_as(package_id: PackageId) -> Declared:
            return await declare_package(
                manifest,
                part_size,
                who,
                package_id=package_id,
                ledger=wired.ledger,
                judge=wired.judge,
                rules=wired.rules,
                directory=wired.directory,
                keys=wired.keys,
                world=wired.world,
            )

        if wired.judge.is_large(manifest):
            return _judging(await wired.declarations.begin(manifest, who, declare_as))
        return _declared(await declare_as(PackageId(wired.world.new_id())))


def _declared(declared: Declared) -> Response:
    return Response(
        DeclaredAnswer.encoded(declared),
        status_code=201 if declared.new else 200,
        media_type="application/json",
        headers={"location": address(declared.package.id), **_PRIVATE},
    )


def _judging(package: UUID) -> Response:
    body = JudgingAnswer(package=package, status=address(package)).model_dump_json()
    headers = {"location": address(package), "retry-after": "1", **_PRIVATE}
    return Response(body, status_code=202, media_type="application/json", headers=headers)


@router.post(
    "/v1/packages:check",
    summary="Kiểm tra bản kê, không lưu gì / Check a manifest, storing nothing",
    description="The verdict a declaration would give, without a package. Nothing is stored.",
    response_model=CheckedAnswer,
    responses=refusing(*_JUDGED),
    openapi_extra=_MANIFEST,
)
async def check(request: Request, sender: Submitting, wired: Wired) -> Response:
    require_media_type(request, "application/json")
    with wired.in_flight.take(sender.agency, sender.content_length or 0):
        manifest = await checked_body(request, sender, max_bytes=MAX_MANIFEST)
        judged = await check_manifest(
            manifest,
            submitter(sender),
            ledger=wired.ledger,
            judge=wired.judge,
            rules=wired.rules,
            directory=wired.directory,
            world=wired.world,
        )
    return _json(CheckedAnswer.of(judged).model_dump_json())


@router.get(
    "/v1/packages",
    summary="Các gói nộp của cơ quan / The agency's packages",
    description="In the order of declaration, those of predecessors included.",
    response_model=PackagePage,
)
async def packages(
    sender: Submitting,
    wired: Wired,
    after: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    state: Annotated[State | None, Query(description="Only packages in this state.")] = None,
) -> PackagePage:
    found = await list_packages(
        submitter(sender),
        after=None if after is None else PackageId(after),
        limit=limit + 1,
        state=state,
        ledger=wired.ledger,
        directory=wired.directory,
    )
    items = [PackageSummary.model_validate(summary(package)) for package in found[:limit]]
    return PackagePage(items=items, next=items[-1].package if len(found) > limit else None)


@router.get(
    "/v1/packages/{package}",
    summary="Trạng thái gói nộp / A package's status",
    description="State, missing parts, verdicts, findings and reasons: what a client needs in order to go on.",
    response_model=StatusAnswer | RefusedAnswer | JudgingAnswer,
    responses=refusing(PackageUnknown, DeclarationLost),
)
async def status(request: Request, package: UUID, sender: Submitting, wired: Wired) -> Response:
    found = await package_status(
        PackageId(package), submitter(sender), ledger=wired.ledger, directory=wired.directory, world=wired.world
    )
    match found:
        case Judging():
            return _json(JudgingAnswer(package=package, status=address(package)).model_dump_json())
        case Refused(refusal=refusal):
            scope = request.scope
            told = problem(refusal, asked_language(scope), request_id(scope))
            return _json(RefusedAnswer(package=package, problem=told).model_dump_json())
        case _:
            return _json(StatusAnswer.of(found).model_dump_json())


@router.get(
    "/v1/packages/{package}/plan",
    summary="Kế hoạch gửi / The plan",
    description="The canonical bytes whose SHA-256 is the plan's digest.",
    response_model=PlanAnswer,
    responses=refusing(PackageUnknown),
)
async def plan(package: UUID, sender: Submitting, wired: Wired) -> Response:
    return _json(
        await package_document(
            PackageId(package), submitter(sender), manifest=False, ledger=wired.ledger, directory=wired.directory
        )
    )


@router.get(
    "/v1/packages/{package}/manifest",
    summary="Bản kê / The manifest",
    description="The manifest's bytes as they were declared.",
    response_model=dict[str, object],
    responses=refusing(PackageUnknown),
)
async def manifest(package: UUID, sender: Submitting, wired: Wired) -> Response:
    return _json(
        await package_document(
            PackageId(package), submitter(sender), manifest=True, ledger=wired.ledger, directory=wired.directory
        )
    )


@router.get(
    "/v1/packages/{package}/receipt",
    summary="Biên nhận / The receipt",
    description=(
        "A receipt (`nopluu/receipt1`) that `nopluu verify` proves offline; 202 while there is none. With `wait` the "
        "answer is held back until there is a receipt, or the package turns out to lack parts."
    ),
    response_model=dict[str, str],
    responses={
        202: {"model": PendingReceipt, "description": "No receipt yet."},
        **refusing(PackageUnknown),
    },
)
async def receipt(
    package: UUID,
    sender: Submitting,
    wired: Wired,
    wait: Annotated[int, Query(ge=0, le=30, description="Seconds to wait for it.")] = 0,
) -> Response:
    found = await package_receipt(
        PackageId(package),
        submitter(sender),
        wait=wait,
        ledger=wired.ledger,
        directory=wired.directory,
        receipts=wired.receipts,
        world=wired.world,
    )
    if isinstance(found, bytes):
        return _json(found)
    pending = PendingReceipt(package=package, state=found).model_dump_json()
    return Response(pending, status_code=202, media_type="application/json", headers={"retry-after": "1", **_PRIVATE})


@router.delete(
    "/v1/packages/{package}",
    summary="Bỏ gói nộp / Abandon a package",
    description="Ends a package that is not complete; may be repeated.",
    status_code=204,
    responses=refusing(PackageUnknown, AbandonTooLate, ContentHeld),
)
async def abandon(package: UUID, sender: Submitting, wired: Wired) -> Response:
    await abandon_package(
        PackageId(package), submitter(sender), ledger=wired.ledger, directory=wired.directory, world=wired.world
    )
    return Response(status_code=204)


def _json(body: bytes | str) -> Response:
    return Response(body, media_type="application/json", headers=_PRIVATE)
