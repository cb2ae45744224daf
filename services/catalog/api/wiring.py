"""What the routes of catalog work with; `main` puts it at `app.state.wiring`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Request

from services.catalog.domain.labels import Reader, reader_of
from services.catalog.usecases.ports import Directory, Ledger, World
from services.kernel.secrecy import Level
from services.runtime.signed_requests import Caller, require


@dataclass(frozen=True, slots=True)
class Wiring:
    """Ports of the use cases, the key that signs grants, what each scope may see, and where ingest is."""

    ledger: Ledger
    directory: Directory
    world: World
    grant_key: Ed25519PrivateKey
    ceilings: Mapping[str, Level]
    ingest_origin: str

    def reader(self, caller: Caller) -> Reader:
        """What the caller may see now.

        Raises:
            RegistryStale
        """
        return reader_of(caller.scopes, self.directory.fonds_of(caller.agency), self.ceilings)


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


Wired = Annotated[Wiring, Depends(_wiring)]
Reading = Annotated[Caller, require("submitter", "archivist", "incident-officer")]
Exporting = Annotated[Caller, require("archivist", "incident-officer")]
FollowingExports = Annotated[Caller, require("archivist", "incident-officer", "supervisor", "auditor")]
Serving = Annotated[Caller, require("service")]
