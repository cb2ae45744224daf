"""The rows of auth. The schema's history is in `migrations/`; a test holds the two equal.

Rows are added; of what stands only a key's revocation and a client's end are ever set. An agency's end, its later names
and the ends of its codes and of its places in the list of deposit sources are rows of their own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="auth")

agency = Table(
    "agency",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    Column("instrument", Text),
    CheckConstraint("valid_to > valid_from"),
)

agency_name = Table(
    "agency_name",
    metadata,
    Column("agency", Uuid, ForeignKey("auth.agency.id"), primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("name", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

agency_end = Table(
    "agency_end",
    metadata,
    Column("agency", Uuid, ForeignKey("auth.agency.id"), primary_key=True),
    Column("ended_on", Date, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

agency_code = Table(
    "agency_code",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("scheme", Text, nullable=False),
    Column("agency", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("valid_to", Date),
    Index("agency_code_agency", "agency"),
    CheckConstraint("valid_to > valid_from"),
)

agency_code_end = Table(
    "agency_code_end",
    metadata,
    Column("code", Text, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("ended_on", Date, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["code", "valid_from"], ["auth.agency_code.code", "auth.agency_code.valid_from"]),
    CheckConstraint("ended_on > valid_from"),
)

succession = Table(
    "succession",
    metadata,
    Column("predecessor", Uuid, ForeignKey("auth.agency.id"), primary_key=True),
    Column("successor", Uuid, ForeignKey("auth.agency.id"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("effective_on", Date, primary_key=True),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("predecessor <> successor"),
)

deposit_source = Table(
    "deposit_source",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("archive", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("deposit_source_agency", "agency"),
    CheckConstraint("valid_to > valid_from"),
    CheckConstraint("agency <> archive"),
)

deposit_source_end = Table(
    "deposit_source_end",
    metadata,
    Column("source", Uuid, ForeignKey("auth.deposit_source.id"), primary_key=True),
    Column("ended_on", Date, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

ceiling = Table(
    "ceiling",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("level", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("number", Text, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("authority", Text, nullable=False),
    Column("author", Uuid, ForeignKey("auth.client.id"), nullable=False),
    Column("author_officer", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Index("ceiling_agency", "agency"),
    CheckConstraint("level IN ('none', 'mat', 'toi_mat')"),
    CheckConstraint("valid_to > valid_from"),
    CheckConstraint("valid_from >= decided_on"),
)

ceiling_settlement = Table(
    "ceiling_settlement",
    metadata,
    Column("ceiling", Uuid, ForeignKey("auth.ceiling.id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("settled_by", Uuid, ForeignKey("auth.client.id"), nullable=False),
    Column("officer", Text, nullable=False),
    Column("settled_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("outcome IN ('approved', 'declined')"),
)

fonds = Table(
    "fonds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("creator", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("custodian", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("deposit_source", Text),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("creator", "code"),
)

client = Table(
    "client",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency", Uuid, ForeignKey("auth.agency.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("officer", Text),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("disabled_at", DateTime(timezone=True)),
    Index("client_agency", "agency"),
    CheckConstraint("cardinality(scopes) > 0"),
)

client_key = Table(
    "client_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("client", Uuid, ForeignKey("auth.client.id"), nullable=False),
    Column("jwk", JSONB, nullable=False),
    Column("not_before", DateTime(timezone=True), nullable=False),
    Column("not_after", DateTime(timezone=True)),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("proof", Text),
    Index("client_key_client", "client"),
    CheckConstraint("not_after > not_before"),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    Column("client", Uuid, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("used_assertion_expiry", "expires_at"),
)

fact = Table(
    "fact",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("body", JSONB, nullable=False),
)

fact_counter = Table(
    "fact_counter",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("last", BigInteger, nullable=False),
    CheckConstraint("single"),
)
