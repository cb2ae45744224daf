"""The wire forms of auth's API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.auth.domain.agencies import (
    Agency,
    CodeScheme,
    DepositSource,
    End,
    Fonds,
    Reorganisation,
    Succession,
    SuccessionKind,
)
from services.auth.domain.clients import ClientKey, Scope
from services.auth.usecases.enrol_client import Enrolled, KeyOffer
from services.auth.usecases.list_deposit_source import DepositSourceOffer
from services.auth.usecases.read_registry import History
from services.kernel.identifiers import AgencyId
from services.kernel.signing.jws import MAX_TOKEN

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
FondsCode = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class Form(BaseModel):
    """What every form of the API is: nothing that it does not name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CodeIn(Form):
    """An agency code from one day on, until (not including) another where it ended."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=35)] = Field(
        examples=["000.00.47.A47", "H47.12"], description="QCVN 102:2016 or Decision 20/2020/QĐ-TTg."
    )
    valid_from: date
    valid_to: date | None = None


class CodeOut(CodeIn):
    """A code as registered."""

    scheme: CodeScheme


class AgencyIn(Form):
    """An agency to register."""

    name: Line
    kind: Word = Field(description="What it is, such as `commune`, `department`, `party-committee`, `archive`.")
    level: Word = Field(description="Where it stands, such as `province` or `commune`.")
    valid_from: date
    valid_to: date | None = None
    codes: list[CodeIn] = Field(min_length=1, max_length=20)
    instrument: Line | None = Field(default=None, description="The decision that established it, where known.")


class EndIn(Form):
    """The first day on which something no longer holds, and the decision that says so."""

    on: date = Field(examples=["2025-07-01"])
    instrument: Line = Field(description="Number and date of the decision.")

    def end(self) -> End:
        return End(self.on, self.instrument)


class CodeEndIn(EndIn):
    """The end of an agency's code."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=35)]


class RenamingIn(Form):
    """What an agency is called from a day on; it stays the same agency."""

    name: Line
    on: date
    instrument: Line = Field(description="Number and date of the decision.")


class NameOut(Form):
    """A name from a day on."""

    name: str
    valid_from: date
    instrument: str | None


class AgencyOut(Form):
    """An agency as it stood on the day asked for; `valid_to` is the first day on which it is no more."""

    id: UUID
    name: str
    kind: str
    level: str
    valid_from: date
    valid_to: date | None
    codes: list[CodeOut]

    @classmethod
    def of(cls, agency: Agency, day: date, *, only: bool = False) -> AgencyOut:
        """Its name of that day; of its codes all, or only those that held."""
        return cls(
            id=agency.id,
            name=agency.name_on(day),
            kind=agency.kind,
            level=agency.level,
            valid_from=agency.valid_from,
            valid_to=agency.valid_to,
            codes=[
                CodeOut(code=code.code, valid_from=code.valid_from, valid_to=code.valid_to, scheme=code.scheme)
                for code in agency.codes
                if not only or code.holds_on(day)
            ],
        )


class AgencyPage(Form):
    """Agencies in the order of their ids; `next` is the `after` of the following page."""

    agencies: list[AgencyOut]
    next: UUID | None


class SuccessionIn(Form):
    """What one decision did. The predecessors of a merger, a split or a dissolution end on its day.

    From that day on the successors submit for their fonds and follow their packages, and nobody else does. A detached
    part follows nothing: the body it came from goes on.
    """

    predecessors: list[UUID] = Field(min_length=1, max_length=500)
    successors: list[UUID] = Field(min_length=1, max_length=500)
    kind: SuccessionKind
    effective_on: date
    instrument: Line = Field(description="Number and date of the decision.")

    def event(self) -> Reorganisation:
        return Reorganisation(
            kind=self.kind,
            predecessors=tuple(AgencyId(agency) for agency in self.predecessors),
            successors=tuple(AgencyId(agency) for agency in self.successors),
            effective_on=self.effective_on,
            instrument=self.instrument,
        )


class SuccessionOut(Form):
    """One agency followed another."""

    predecessor: UUID
    successor: UUID
    kind: SuccessionKind
    effective_on: date
    instrument: str


class DepositSourceIn(Form):
    """An entry of the list of deposit sources (danh mục nguồn nộp lưu): who must deposit to which archive."""

    agency: UUID
    archive: UUID
    valid_from: date
    valid_to: date | None = None
    instrument: Line = Field(description="Number and date of the decision that approves the list.")

    def offer(self) -> DepositSourceOffer:
        return DepositSourceOffer(
            AgencyId(self.agency), AgencyId(self.archive), self.valid_from, self.valid_to, self.instrument
        )


class DepositSourceOut(Form):
    """An entry as listed; it ends with either of its bodies."""

    id: UUID
    agency: UUID
    archive: UUID
    valid_from: date
    valid_to: date | None
    instrument: str

    @classmethod
    def of(cls, source: DepositSource) -> DepositSourceOut:
        return cls(
            id=source.id,
            agency=source.agency,
            archive=source.archive,
            valid_from=source.valid_from,
            valid_to=source.valid_to,
            instrument=source.instrument,
        )


class DepositSourcePage(Form):
    """Entries in the order of their ids; `next` is the `after` of the following page."""

    deposit_sources: list[DepositSourceOut]
    next: UUID | None


class FondsIn(Form):
    """A fonds to register."""

    code: FondsCode
    name: Line
    creator: UUID = Field(description="The agency whose records formed it.")
    custodian: UUID = Field(description="The archive that keeps it.")
    deposit_source: Line | None = None


class FondsOut(Form):
    """A fonds as registered; id and code never change. It is closed from the day on which its creator ceased."""

    id: UUID
    code: str
    name: str
    creator: UUID
    custodian: UUID
    deposit_source: str | None
    closed_on: date | None

    @classmethod
    def of(cls, fonds: Fonds) -> FondsOut:
        return cls(
            id=fonds.id,
            code=fonds.code,
            name=fonds.name,
            creator=fonds.creator,
            custodian=fonds.custodian,
            deposit_source=fonds.deposit_source,
            closed_on=fonds.closed_on,
        )


class FondsPage(Form):
    """Fonds in the order of their ids; `next` is the `after` of the following page."""

    fonds: list[FondsOut]
    next: UUID | None


class HistoryOut(Form):
    """Everything that is recorded of one agency, in the order of the days on which it took effect."""

    agency: AgencyOut
    instrument: str | None
    end_instrument: str | None
    names: list[NameOut]
    follows: list[SuccessionOut]
    followed_by: list[SuccessionOut]
    fonds: list[FondsOut]
    deposit_sources: list[DepositSourceOut]

    @classmethod
    def of(cls, history: History, day: date) -> HistoryOut:
        agency = history.agency
        return cls(
            agency=AgencyOut.of(agency, day),
            instrument=agency.instrument,
            end_instrument=None if agency.end is None else agency.end.instrument,
            names=[
                NameOut(name=name.name, valid_from=name.valid_from, instrument=name.instrument) for name in agency.names
            ],
            follows=[_succession(entry) for entry in history.successions if entry.successor == agency.id],
            followed_by=[_succession(entry) for entry in history.successions if entry.predecessor == agency.id],
            fonds=[FondsOut.of(fonds) for fonds in history.fonds],
            deposit_sources=[DepositSourceOut.of(source) for source in history.deposit_sources],
        )


def _succession(entry: Succession) -> SuccessionOut:
    return SuccessionOut(
        predecessor=entry.predecessor,
        successor=entry.successor,
        kind=entry.kind,
        effective_on=entry.effective_on,
        instrument=entry.instrument,
    )


class KeyIn(Form):
    """A key as its holder offers it. Compare its thumbprint with the holder through another channel than the mail."""

    proof: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TOKEN)] = Field(
        description="The line that `nopluu keygen` prints: a compact JWS of typ `nopluu-key-proof+jwt` by the offered "
        "key itself (Ed25519, the default, or P-256), which stands in its header. FORMATS 9."
    )
    not_before: AwareDatetime | None = Field(default=None, description="From now on where absent.")
    not_after: AwareDatetime | None = Field(default=None, description="Exclusive; without end where absent.")

    def offer(self) -> KeyOffer:
        return KeyOffer(self.proof, self.not_before, self.not_after)


class KeyOut(Form):
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


class ClientIn(Form):
    """A client to enrol, with its first keys."""

    agency: UUID
    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    officer: Line | None = Field(default=None, description="The person; needed for an officer's scopes.")
    keys: list[KeyIn] = Field(default_factory=list, max_length=10)


class ClientOut(Form):
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


class ClientPage(Form):
    """Clients in the order of their ids; `next` is the `after` of the following page."""

    clients: list[ClientOut]
    next: UUID | None


class FactsOut(Form):
    """Facts in order, each with its number `seq` and its `type`; `last` is the number of the last one there is."""

    facts: list[dict[str, object]]
    last: int


class TokenOut(Form):
    """RFC 6749 §5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Seconds.")
    scope: str


class JwkSetOut(Form):
    """RFC 7517 §5."""

    keys: list[dict[str, str]]


class ServerMetadataOut(Form):
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
