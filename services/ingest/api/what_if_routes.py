"""What a draft of rules would change: asked by the officers of rules before anybody signs it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field

from services.ingest.api.bodies import require_media_type
from services.ingest.api.schemas import Answer, Digest
from services.ingest.api.wiring import RuleOfficer, Wired
from services.ingest.usecases.what_if import WhatIf, what_if
from services.kernel.identifiers import PackageId
from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules.bundles import MAX_BUNDLE
from services.runtime.openapi import refusing
from services.runtime.signed_requests import checked_body

router = APIRouter(tags=["rules"])
_BUNDLE: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


class DocumentChange(Answer):
    """One document's verdict as it was and as the draft would have it."""

    document: int = Field(description="Its place in the manifest, from 0.")
    was: str
    was_rules: list[str]
    would: str
    would_rules: list[str]


class PackageChange(Answer):
    """A package with verdicts that would change; never a title or a name."""

    package: UUID
    declared_on: date
    documents: list[DocumentChange]
    more: int = Field(description="Changed documents that are not listed.")


class WhatIfAnswer(Answer):
    """One page of what the draft would change."""

    sha256: Digest
    packages: int = Field(description="Packages judged for this page.")
    unreadable: int = Field(description="Kept manifests that can no longer be judged.")
    refused: int = Field(description="Refused packages of that time: no manifest of theirs is kept. First page only.")
    changed: list[PackageChange]
    after: UUID | None = Field(description="Where the next page begins; null on the last.")

    @classmethod
    def of(cls, found: WhatIf) -> WhatIfAnswer:
        return cls(
            sha256=found.bundle_sha256.hex(),
            packages=found.packages,
            unreadable=found.unreadable,
            refused=found.refused,
            changed=[
                PackageChange(
                    package=entry.package,
                    declared_on=entry.declared_on,
                    documents=[
                        DocumentChange(
                            document=change.document,
                            was=change.was,
                            was_rules=list(change.was_rules),
                            would=change.would,
                            would_rules=list(change.would_rules),
                        )
                        for change in entry.documents
                    ],
                    more=entry.more,
                )
                for entry in found.changed
            ],
            after=found.after,
        )


@router.post(
    "/v1/rules:what-if",
    summary="Nếu áp dụng bản thảo / What a draft would change",
    description=(
        "The canonical payload of a draft (`nopluu/rules1`), unsigned. It is run over what was declared since a day, each "
        "package as of its own day; answers effects, rule ids, package ids and places. Nothing is stored."
    ),
    response_model=WhatIfAnswer,
    responses=refusing(BundleInvalid),
    openapi_extra={"requestBody": {"required": True, "content": _BUNDLE}},
)
async def ask(
    request: Request,
    sender: RuleOfficer,
    wired: Wired,
    since: Annotated[date, Query(description="The first day of declarations, in Vietnam.")],
    after: Annotated[UUID | None, Query(description="`after` of the page before.")] = None,
) -> WhatIfAnswer:
    require_media_type(request, "application/json")
    draft = await checked_body(request, sender, max_bytes=MAX_BUNDLE)
    found = await what_if(
        draft,
        since,
        None if after is None else PackageId(after),
        holdings=wired.holdings,
        judge=wired.judge,
        ceilings=wired.directory,
    )
    return WhatIfAnswer.of(found)
