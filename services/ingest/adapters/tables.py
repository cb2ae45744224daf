"""The rows of ingest. The schema's history is in `migrations/`; a test holds the two equal.

No title, subject or file name stands outside `package_document.manifest` and `component.name`, and neither is ever
logged. Levels are 0–3 (`kernel.secrecy.Level`); digests are 32 bytes; sizes are bytes.
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
    Identity,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="ingest")

OPEN_STATES = ("declared", "receiving")
LIVE_STATES = (*OPEN_STATES, "verifying", "sealed", "inspected", "accepted", "quarantined")
CHAIN_STATES = (*LIVE_STATES, "returned")

package = Table(
    "package",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("chain", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("supersedes", Uuid),
    Column("agency", Uuid, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("fonds", Uuid),
    Column("fonds_code", Text),
    Column("profile", Text),
    Column("state", Text, nullable=False),
    Column("manifest_sha256", LargeBinary),
    Column("manifest_salt", LargeBinary),  # refused packages keep only this salted digest
    Column("manifest_salted", LargeBinary),
    Column("plan_sha256", LargeBinary),
    Column("rules_sha256", LargeBinary, nullable=False),
    Column("part_size", Integer, nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("payload_size", BigInteger, nullable=False),
    Column("component_count", Integer, nullable=False),
    Column("stored_parts", Integer, nullable=False),
    Column("declared_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("sealed_at", DateTime(timezone=True)),
    Column("seal_event", Uuid),
    Column("verdicts", JSONB, nullable=False),
    Column("not_planned", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("levels", JSONB, nullable=False),
    Column("record_number", Integer, nullable=False, server_default=text("0")),  # writings of the recovery record
    Column("record_secret", LargeBinary),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("stored_parts BETWEEN 0 AND part_count", name="package_parts"),
    CheckConstraint("(state = 'refused') = (manifest_sha256 IS NULL)", name="package_refused"),
    Index(
        "package_live_manifest",
        "agency",
        "manifest_sha256",
        unique=True,
        postgresql_where=text(f"state in {LIVE_STATES}"),
    ),
    # Of one version of a dossier there is at most one successor.
    Index(
        "package_chain_version",
        "chain",
        "version",
        unique=True,
        postgresql_where=text(f"state in {CHAIN_STATES}"),
    ),
    Index("package_agency_id", "agency", "id"),
    Index("package_manifest", "manifest_sha256"),
    Index("package_expiry", "expires_at", postgresql_where=text(f"state in {OPEN_STATES}")),
    Index("package_open", "agency", postgresql_where=text(f"state in {OPEN_STATES}")),
)

package_document = Table(
    "package_document",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("plan", LargeBinary, nullable=False),
)

package_key = Table(
    "package_key",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("level", SmallInteger, primary_key=True),
    Column("kek", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Index("package_key_kek", "kek", text("substring(wrapped FROM 1 FOR 4)"), "package", "level"),
)

kek_rotation = Table(
    "kek_rotation",
    metadata,
    Column("kek", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("rotated_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("broken", Integer, nullable=False, server_default=text("0")),
    Column("retired", Integer, nullable=False, server_default=text("0")),
)
"""The newest rotation of each KEK: the version its rows go to, and the version through which older ones are destroyed."""

component = Table(
    "component",
    metadata,
    Column("package", Uuid, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("wrapped_key", LargeBinary),  # null once the component is erased
    Column("level", SmallInteger, nullable=False),
    Column("document", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("plan_position", Integer),
    Column("origin", Uuid, nullable=False),
    Column("checked_at", DateTime(timezone=True)),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("erased_at", DateTime(timezone=True)),  # set once no version has a key
    Column("expelled", Boolean, nullable=False, server_default=text("false")),
    Index("component_id", "id"),
    Index("component_sha256", "sha256"),
    Index("component_plan", "package", "plan_position"),
    postgresql_partition_by="HASH (package)",
)

part = Table(
    "part",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Uuid, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("stored_size", Integer, nullable=False),
    Column("ciphertext_digest", Text, nullable=False),
    Column("heads", LargeBinary),
    Column("object_version", Text, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("package", Uuid, nullable=False),
    Column("part", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("lost", Boolean, nullable=False, server_default=text("false")),
    Index("attempt_opened", "opened_at"),
    Index("attempt_lost", "opened_at", postgresql_where=text("lost")),
)
"""Only attempts whose object no part row names: those under way, and lost ones until they are reaped."""

finding = Table(
    "finding",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("package", Uuid, ForeignKey("ingest.package.id"), nullable=False),
    Column("pointer", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("vi", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
    Index("finding_package", "package"),
)

rule_bundle = Table(
    "rule_bundle",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Uuid, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("target", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
)

declaration = Table(
    "declaration",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency", Uuid, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("outcome", JSONB),
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("package", Uuid, ForeignKey("ingest.package.id"), nullable=False),
    Column("whole", Boolean, nullable=False),  # ordered without naming components
    Column("components", ARRAY(Uuid), nullable=False),
    Column("kept", ARRAY(Uuid), nullable=False),
    Column("instrument", Text, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text, nullable=False),
    Column("ordered_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("kind IN ('expulsion', 'disposal')", name="erasure_kind"),
    Index("erasure_package", "package"),
    Index("erasure_open", "ordered_at", postgresql_where=text("finished_at IS NULL")),
)

erasure_part = Table(
    "erasure_part",
    metadata,
    Column("erasure", Uuid, ForeignKey("ingest.erasure.id"), primary_key=True),
    Column("package", Uuid, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("replaced", Boolean, nullable=False, server_default=text("false")),
)
"""Only parts whose older versions are still to be removed; `replaced` once the part's row names the copy."""

rebuild = Table(
    "rebuild",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("single", name="rebuild_single"),
)
"""At most one row: this database was restored from the store, or is being restored."""

classification_step = Table(
    "classification_step",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("package", Uuid, ForeignKey("ingest.package.id"), nullable=False),
    Column("document", Integer, nullable=False),  # -1: the dossier's own label
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level_before", SmallInteger, nullable=False),
    Column("level_after", SmallInteger, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("level", SmallInteger),
    Column("until", Date),
    Column("annuls", Uuid),
    Column("list_item", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("authority_agency", Uuid),
    Column("relation", Text),
    Column("proof", Text, nullable=False),
    Column("remarks", JSONB, nullable=False),
    Column("notify_by", Date),
    Column("agency", Uuid, nullable=False),
    Column("client", Uuid),  # null: the automatic step
    Column("officer", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("classification_step_number", "package", "document", "number", unique=True),
    Index("classification_step_recorded", "recorded_at"),
)
"""Insert-only: the role has no right to change or remove a row, and a trigger refuses it to everybody."""

classification = Table(
    "classification",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("document", Integer, primary_key=True),
    Column("sealed_as", SmallInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("due_on", Date),
    Column("raised_by", Uuid),
    Column("ended_on", Date),
    Index("classification_due", "due_on", postgresql_where=text("due_on IS NOT NULL")),
)
"""What the steps add up to: the label that catalog was told, and the next day on which dates change it."""

classification_told = Table(
    "classification_told",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("revision", Integer, nullable=False),
)
"""Packages whose manifest was read for what is classified in it, and how often catalog was told of a change since."""

classification_notice = Table(
    "classification_notice",
    metadata,
    Column("step", Uuid, ForeignKey("ingest.classification_step.id"), primary_key=True),
    Column("notified_on", Date, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
"""Insert-only: that whoever has the record was told of a step."""

rejudging = Table(
    "rejudging",
    metadata,
    Column("bundle_sha256", LargeBinary, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("after_package", Uuid),
    Column("swept_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("judged", BigInteger, nullable=False, server_default=text("0")),
)

rejudged = Table(
    "rejudged",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("bundle_sha256", LargeBinary, ForeignKey("ingest.rejudging.bundle_sha256"), primary_key=True),
    Column("was", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("report", Boolean, nullable=False),
    Column("rules", JSONB, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
    Column("handed_on_at", DateTime(timezone=True)),
    Index("rejudged_waiting", "found_at", postgresql_where=text("handed_on_at IS NULL")),
)
"""Of the documents that a later bundle finds secret: codes and places, never what a manifest says of them."""


inspection_step = Table(
    "inspection_step",
    metadata,
    Column("inspection", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("agency", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("finding", Integer),
    Column("violation", Text),
    Column("due_on", Date),
    Column("facts", JSONB, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("inspection_step_agency", "agency", "inspection"),
)
"""Insert-only, like `classification_step`."""

medium_step = Table(
    "medium_step",
    metadata,
    Column("medium", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("agency", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("client", Uuid, nullable=False),
    Column("officer", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("medium_step_agency", "agency", "medium"),
)
"""Insert-only, like `classification_step`."""

part_fault = Table(
    "part_fault",
    metadata,
    Column("package", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("fault", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
)
"""Parts that fixity found broken and has not found whole since."""

fixity_reading = Table(
    "fixity_reading",
    metadata,
    Column("slices", Integer, primary_key=True),
    Column("slice", Integer, primary_key=True),
    Column("read_at", DateTime(timezone=True), nullable=False),
)
"""When each of so many slices of the parts was last read to its end."""

incident = Table(
    "incident",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rules", JSONB, nullable=False),
    Column("bundle_sha256", LargeBinary),
    Column("package", Uuid, ForeignKey("ingest.package.id"), nullable=False),
    Column("document", Integer),
    Column("component", Uuid),
    Column("agency", Uuid, nullable=False),
    Column("fonds", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("decision", Text),
    Column("level", SmallInteger),
    Column("due_on", Date),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("hidden_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Index("incident_state", "state", "id"),
    Index("incident_agency", "agency", "id"),
    Index("incident_package", "package"),
    Index(
        "incident_of_cause",
        "package",
        text("coalesce(document, -1)"),
        "bundle_sha256",
        unique=True,
        postgresql_where=text("bundle_sha256 IS NOT NULL"),
    ),
    Index(
        "incident_of_rules",
        "package",
        text("coalesce(document, -1)"),
        "rules",
        unique=True,
        postgresql_where=text("source = 'rule' AND kind = 'rules-changed'"),
    ),
)

incident_step = Table(
    "incident_step",
    metadata,
    Column("incident", Uuid, ForeignKey("ingest.incident.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("client", Uuid),
    Column("officer", Text),
    Column("facts", JSONB, nullable=False),
)
"""Only ever inserted: ingest's role may neither change nor remove a step."""

incident_clock = Table(
    "incident_clock",
    metadata,
    Column("incident", Uuid, ForeignKey("ingest.incident.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("due_on", Date, nullable=False),
    Column("met_at", DateTime(timezone=True)),
    Index("incident_clock_due", "due_on", postgresql_where=text("met_at IS NULL")),
)

hold = Table(
    "hold",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident", Uuid, ForeignKey("ingest.incident.id"), nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("hidden_at", DateTime(timezone=True)),
    Column("lifted_at", DateTime(timezone=True)),
    Index("hold_incident", "incident"),
)

hold_item = Table(
    "hold_item",
    metadata,
    Column("hold", Uuid, ForeignKey("ingest.hold.id"), primary_key=True),
    Column("package", Uuid, primary_key=True),
    Column("document", Integer, primary_key=True),  # -1: the whole package
    Column("chain", Uuid, nullable=False),
    Index("hold_item_package", "package"),
)

hold_content = Table(
    "hold_content",
    metadata,
    Column("hold", Uuid, ForeignKey("ingest.hold.id"), primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
    Index("hold_content_sha256", "sha256"),
)

act = Table(
    "act",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("transaction", BigInteger, nullable=False, server_default=text("(pg_current_xact_id())::text::bigint")),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("relation", Text, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("row", Text, nullable=False),
)
"""Changes of rows that are in no page yet: appended by triggers, removed once a page is fixed."""

act_book = Table(
    "act_book",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("id", Uuid, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("page", BigInteger),
    Column("page_sha256", LargeBinary),
    Column("sealed", LargeBinary),
    Column("oldest_at", DateTime(timezone=True)),
    CheckConstraint("single", name="act_book_single"),
    CheckConstraint("(page IS NULL) = (page_sha256 IS NULL)", name="act_book_page"),
)
"""At most one row. `sealed`: the page is fixed and not known to be in the store; `oldest_at`: of its acts."""

content_inspection = Table(
    "content_inspection",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("matcher", SmallInteger, nullable=False),
    Column("next_position", Integer, nullable=False, server_default=text("0")),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("finished_at", DateTime(timezone=True)),
)
"""How far a sealed package was looked into, by which matcher, and how many files had which outcome."""

content_finding = Table(
    "content_finding",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("component", Uuid, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("marks", ARRAY(Text), nullable=False),
    Column("page", Integer, nullable=False),
    Column("matcher", SmallInteger, nullable=False),
    Column("inspected_at", DateTime(timezone=True), nullable=False),
)
"""Files with a mark of secrecy, and files that nobody could look into. Words of closed sets; nothing of the text."""

content_passed_over = Table(
    "content_passed_over",
    metadata,
    Column("package", Uuid, ForeignKey("ingest.package.id"), primary_key=True),
    Column("component", Uuid, primary_key=True),
)
"""Files that were held when their package was looked into; they are looked at once they are let go."""
