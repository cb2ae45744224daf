"""Documents, dossiers, packages, and leave to read a component.

What is absent and what the caller may not see get the same answer.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from services.catalog.api.schemas import DocumentOut, DossierOut, PackageOut
from services.catalog.api.wiring import Reading, Wired
from services.catalog.usecases.grant_reading import grant_reading
from services.catalog.usecases.open_record import FIRST, PAGE, open_document, open_dossier, open_package
from services.kernel.identifiers import ComponentId, DocumentId, PackageId
from services.kernel.refusals.catalog import DocumentUnknown, DossierUnknown, PackageSuperseded
from services.kernel.refusals.exports import ExportNotApproved
from services.kernel.refusals.identity import ScopeMissing
from services.kernel.refusals.packages import ComponentUnknown, PackageUnknown
from services.runtime.openapi import refusing

router = APIRouter(tags=["records"])

_PRIVATE: Final = {"cache-control": "no-store"}

After = Annotated[int, Query(ge=FIRST, le=2**31 - 1, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="Documents a page.")]


@router.get(
    "/v1/documents/{document}",
    response_model=DocumentOut,
    summary="A document and its components",
    responses=refusing(DocumentUnknown, ScopeMissing),
)
async def get_document(document: UUID, caller: Reading, wiring: Wired) -> Response:
    shown = await open_document(DocumentId(document), reader=wiring.reader(caller), ledger=wiring.ledger)
    return await asyncio.to_thread(lambda: _json(DocumentOut.of(shown)))


@router.get(
    "/v1/dossiers/{dossier}",
    response_model=DossierOut,
    summary="A dossier, its documents and their components",
    responses=refusing(DossierUnknown, ScopeMissing),
)
async def get_dossier(
    dossier: UUID, caller: Reading, wiring: Wired, after: After = FIRST, limit: Limit = PAGE
) -> Response:
    reader = wiring.reader(caller)
    shown, opened = await open_dossier(dossier, after=after, limit=limit, reader=reader, ledger=wiring.ledger)
    return await asyncio.to_thread(lambda: _json(DossierOut.within(opened, shown)))


@router.get(
    "/v1/packages/{package}",
    response_model=PackageOut,
    summary="A package: its dossier, its documents and their components",
    responses=refusing(PackageUnknown, PackageSuperseded, ScopeMissing),
)
async def get_package(
    package: UUID, caller: Reading, wiring: Wired, after: After = FIRST, limit: Limit = PAGE
) -> Response:
    reader = wiring.reader(caller)
    opened = await open_package(PackageId(package), after=after, limit=limit, reader=reader, ledger=wiring.ledger)
    return await asyncio.to_thread(lambda: _json(PackageOut.of(opened)))


@router.get(
    "/v1/components/{component}",
    status_code=307,
    response_class=Response,
    summary="Leave to read a component",
    description="Redirects to ingest with a grant for this client, good for 60 seconds and one use. The redirected "
    "request is signed anew, for the address in `Location`.",
    responses={
        307: {
            "description": "Where the bytes are.",
            "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
        },
        **refusing(ComponentUnknown, ExportNotApproved, ScopeMissing),
    },
)
async def get_component(component: UUID, caller: Reading, wiring: Wired) -> Response:
    grant = await grant_reading(
        ComponentId(component),
        caller.client,
        caller.officer,
        reader=wiring.reader(caller),
        key=wiring.grant_key,
        ledger=wiring.ledger,
        world=wiring.world,
    )
    place = f"{wiring.ingest_origin}/v1/components/{component}?grant={quote(grant, safe='')}"
    return Response(status_code=307, headers={"location": place, **_PRIVATE})


def _json(form: BaseModel) -> Response:
    """A page may have tens of thousands of components: it is written beside the event loop, once."""
    return Response(form.model_dump_json(), media_type="application/json", headers=_PRIVATE)
