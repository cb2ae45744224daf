"""The wire forms of auth's API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.auth.domain.agencies import Agency, CodeScheme, Fonds, SuccessionKind
from services.auth.domain.clients import ClientKey, Scope
from services.auth.usecases.enrol_client import Enrolled, KeyOffer

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
FondsCode = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CodeIn(_Form):
    """An agency code from one day on, until (not including) another where it ended."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=35)] = Field(
        examples=["000.00.47.A47", "H47.12"], description="QCVN 102:2016 or Decision 20/2020/QĐ-TTg."
    )
    valid_from: date
    valid_to: date | None = None


class CodeOut(CodeIn):
    """A code as registered."""

    scheme: CodeScheme


class AgencyIn(_Form):
    """An agency to register."""

    name: Line
    kind: Word = Field(description="What it is, such as `commune`, `department`, `party-committee`, `archive`.")
    level: Word = Field(description="Where it stands, such as `province` or `commune`.")
    valid_from: date
    valid_to: date | None = None
    codes: list[CodeIn] = Field(min_length=1, max_length=20)


class AgencyOut(_Form):
    """An agency as registered."""

    id: UUID
    name: str
    kind: str
    level: str
    valid_from: date
    valid_to: date | None
    codes: list[CodeOut]

    @classmethod
    def of(cls, agency: Agency) -> AgencyOut:
        return cls(
            id=agency.id,
            name=agency.name,
            kind=agency.kind,
            level=agency.level,
            valid_from=agency.valid_from,
            valid_to=agency.valid_to,
            codes=[
                CodeOut(code=code.code, valid_from=code.valid_from, valid_to=code.valid_to, scheme=code.scheme)
                for code in agency.codes
            ],
        )


class AgencyPage(_Form):
    """Agencies in the order of their ids; `next` is the `after` of the following page."""

    agencies: list[AgencyOut]
    next: UUID | None


class SuccessionIn(_Form):
    """`successor` followed `predecessor`; it may submit for its fonds and follow its packages."""

    predecessor: UUID
    successor: UUID
    kind: SuccessionKind
    effective_on: date
    instrument: Line = Field(description="Number and date of the decision.")


class FondsIn(_Form):
    """A fonds to register."""

    code: FondsCode
    name: Line
    creator: UUID = Field(description="The agency whose records formed it.")
    custodian: UUID = Field(description="The archive that keeps it.")
    deposit_source: Line | None = None


class FondsOut(_Form):
    """A fonds as registered; id and code never change."""

    id: UUID
    code: str
    name: str
    creator: UUID
    custodian: UUID
    deposit_source: str | None

    @classmethod
    def of(cls, fonds: Fonds) -> FondsOut:
        return cls(
            id=fonds.id,
            code=fonds.code,
            name=fonds.name,
            creator=fonds.creator,
            custodian=fonds.custodian,
            deposit_source=fonds.deposit_source,
        )


class FondsPage(_Form):
    """Fonds in the order of their ids; `next` is the `after` of the following page."""

    fonds: list[FondsOut]
    next: UUID | None


class KeyIn(_Form):
    """A public key, as PEM or as JWK: Ed25519 (the default) or P-256. Never send a private key."""

    pem: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        default=None, description="SubjectPublicKeyInfo, `-----BEGIN PUBLIC KEY-----`."
    )
    jwk: dict[str, str | list[str]] | None = None
    not_before: AwareDatetime | None = Field(default=None, description="From now on where absent.")
    not_after: AwareDatetime | None = Field(default=None, description="Exclusive; without end where absent.")

    @model_validator(mode="after")
    def _one_form(self) -> KeyIn:
        if (self.pem is None) == (self.jwk is None):
            raise ValueError("either pem or jwk")
        return self

    def offer(self) -> KeyOffer:
        material = self.pem.encode("utf-8") if self.pem is not None else dict(self.jwk or {})
        return KeyOffer(material, self.not_before, self.not_after)


class KeyOut(_Form):
    """A key as enrolled; `kid` is its RFC 7638 thumbprint and stands as `keyid` in every signature by it."""

    kid: str
    jwk: dict[str, str]
    not_before: datetime
    not_after: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ClientKey) -> KeyOut:
        return cls(
            kid=key.kid,
            jwk=dict(key.jwk),
            not_before=key.not_before,
            not_after=key.not_after,
            revoked_at=key.revoked_at,
        )


class ClientIn(_Form):
    """A client to enrol, with its first keys."""

    agency: UUID
    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    officer: Line | None = Field(default=None, description="The person; needed for an officer's scopes.")
    keys: list[KeyIn] = Field(default_factory=list, max_length=10)


class ClientOut(_Form):
    """A client as enrolled, with all its keys, revoked ones too."""

    id: UUID
    agency: UUID
    name: str
    scopes: list[Scope]
    officer: str | None
    disabled_at: datetime | None
    keys: list[KeyOut]

    @classmethod
    def of(cls, enrolled: Enrolled) -> ClientOut:
        client = enrolled.client
        return cls(
            id=client.id,
            agency=client.agency,
            name=client.name,
            scopes=sorted(client.scopes),
            officer=client.officer,
            disabled_at=client.disabled_at,
            keys=[KeyOut.of(key) for key in enrolled.keys],
        )


class ClientPage(_Form):
    """Clients in the order of their ids; `next` is the `after` of the following page."""

    clients: list[ClientOut]
    next: UUID | None


class FactsOut(_Form):
    """Facts in order, each with its number `seq` and its `type`; `last` is the number of the last one there is."""

    facts: list[dict[str, object]]
    last: int


class TokenOut(_Form):
    """RFC 6749 §5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Seconds.")
    scope: str


class JwkSetOut(_Form):
    """RFC 7517 §5."""

    keys: list[dict[str, str]]


class ServerMetadataOut(_Form):
    """RFC 8414 §2."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[Scope]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    service_documentation: str
