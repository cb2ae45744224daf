"""The rows of catalog. The schema's history is in `migrations/`; a test holds the two equal.

`label` is the row's label id; ids and levels stand in `label`. Titles, subjects and file names stand in these rows and
are never logged. Digests are 32 bytes, sizes bytes. `held` is prepared for holds: a held row is not served.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = MetaData(schema="catalog")


def _held() -> Column[bool]:
    return Column("held", Boolean, nullable=False, server_default=text("false"))


label = Table(
    "label",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, nullable=False, unique=True),
)

# Only functions with the owner's rights see it: a session's id is what its holder proves itself with.
session = Table(
    "session",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("labels", ARRAY(SmallInteger), nullable=False),
    Column("fonds", ARRAY(Uuid), nullable=False),
    Column("archive", Boolean, nullable=False),
    Column("writer", Boolean, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("session_expiry", "expires_at"),
)

classification = Table(
    "classification",
    metadata,
    Column("package", Uuid, primary_key=True),
    Column("chain", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)
"""The labels that ingest's steps gave the records of a package; they stand before what its seal says."""

received_message = Table(
    "received_message",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary),  # null once it is done
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Index("received_message_open", "received_at", postgresql_where=text("done_at is null")),
)

fonds = Table(
    "fonds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Index("fonds_code", "code"),
)

package = Table(
    "package",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("chain", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("supersedes", Uuid),
    Column("current", Boolean, nullable=False),
    Column("agency", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("profile", Text, nullable=False),
    Column("transfer", Text),
    Column("creator", Text, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("manifest_sha256", LargeBinary, nullable=False),
    Column("not_planned", JSONB, nullable=False),
    Column("levels", JSONB, nullable=False),
    Column("document_count", Integer, nullable=False),
    Column("component_count", Integer, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    _held(),
    Index("package_chain_version", "chain", "version", unique=True),
    Index("package_current", "chain", unique=True, postgresql_where=text("current")),
)

dossier = Table(
    "dossier",
    metadata,
    Column("package", Uuid, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("dossier_code", Text),
    Column("title", Text),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Column("metadata", JSONB, nullable=False),
    Column("secrecy", JSONB),
    _held(),
    Index("dossier_id", "id"),
)

document = Table(
    "document",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("package", Uuid, nullable=False),
    Column("dossier", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("stub", Boolean, nullable=False),
    Column("subject", Text),
    Column("issued_on", Date),
    Column("number", Text),
    Column("notation", Text),
    Column("type_name", Text),
    Column("issuer", Text),
    Column("signer", Text),
    Column("metadata", JSONB, nullable=False),
    Column("secrecy", JSONB, nullable=False),
    Column("component_count", Integer, nullable=False),
    _held(),
    Index("document_package", "package", "position"),
)

component = Table(
    "component",
    metadata,
    Column("package", Uuid, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False),
    Column("document", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    _held(),
    Column("erased_at", DateTime(timezone=True)),
    Index("component_id", "id"),
    Index("component_document", "document"),
    postgresql_partition_by="HASH (package)",
)

# Documents of current versions only; `catalog.find` looks here.
document_words = Table(
    "document_words",
    metadata,
    Column("document", Uuid, primary_key=True),
    Column("package", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("issued_on", Date),
    Column("day_number", Integer, nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("document_words_words", "words", postgresql_using="gin"),
    Index("document_words_package", "package"),
    Index("document_words_fonds_day", "fonds", "day_number", "document"),
    Index("document_words_day", "day_number", "document"),
)

rebuild = Table(
    "rebuild",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("single", name="rebuild_single"),
)
"""At most one row: this database was restored from the store, or is being restored."""

hold = Table(
    "hold",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("lifted_at", DateTime(timezone=True)),
)

hold_item = Table(
    "hold_item",
    metadata,
    Column("hold", Uuid, primary_key=True),
    Column("package", Uuid, primary_key=True),
    Column("position", Integer, primary_key=True),  # -1: the whole package
    Index("hold_item_package", "package"),
)

erased_component = Table(
    "erased_component",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("erased_at", DateTime(timezone=True), nullable=False),
    Column("expelled", Boolean, nullable=False),
)
"""What ingest told is erased, whether its packages are registered yet or not."""

held_words = Table(
    "held_words",
    metadata,
    Column("document", Uuid, primary_key=True),
    Column("package", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("label", SmallInteger, nullable=False),
    Column("issued_on", Date),
    Column("day_number", Integer, nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("held_words_package", "package"),
)

export_request = Table(
    "export_request",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("documents", ARRAY(Uuid), nullable=False),
    Column("number", Text, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("authority", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("until", Date, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Index("export_request_client", "client", "until"),
)
"""Who asked to take which restricted documents out, on what paper, until when."""

export_step = Table(
    "export_step",
    metadata,
    Column("request", Uuid, ForeignKey("catalog.export_request.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("step", Text, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text),
    Column("at", DateTime(timezone=True), nullable=False),
)
