"""What the routes of auth work with; `main` puts it at `app.state.wiring`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from services.auth.usecases.ports import AssertionProof, Ledger, TokenMint, World
from services.runtime.signed_requests import Caller, require


class IssuerKeys(TokenMint, Protocol):
    """The issuer's keys: they mint, and their public halves are published."""

    def jwks(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """Ports of the use cases and what the issuer says of itself.

    `trusts_front`: a front proxy alone can reach us, so its `Client-Cert` field is believed.
    """

    ledger: Ledger
    proof: AssertionProof
    keys: IssuerKeys
    world: World
    issuer: str
    trusts_front: bool


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


Wired = Annotated[Wiring, Depends(_wiring)]
Registering = Annotated[Caller, require("registrar")]
Looking = Annotated[Caller, require("registrar", "supervisor", "archivist", "auditor")]
Authoring = Annotated[Caller, require("rule-author")]
Approving = Annotated[Caller, require("rule-approver")]
RuleOfficer = Annotated[Caller, require("rule-author", "rule-approver")]
RulesReader = Annotated[
    Caller, require("rule-author", "rule-approver", "registrar", "supervisor", "archivist", "auditor")
]
Serving = Annotated[Caller, require("service")]
