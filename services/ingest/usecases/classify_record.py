"""Steps in the life of a classification: decided ones as they arrive, automatic ones when their day comes.

A step, the label it makes, the event in the log, the message to catalog and, where a record became more secret in an
open deployment, the hold and the finding: all in one transaction.

Source: DESIGN 9; domain notes §3 rules 13-21; DECISION-0021.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from services.ingest.domain.package import Package
from services.ingest.domain.states import HAS_RECEIPT
from services.ingest.usecases.classification_ports import (
    Bodies,
    ClassificationBooks,
    ClassificationLedger,
    Classified,
    Notice,
    RecordedStep,
)
from services.ingest.usecases.complete_package import CATALOG
from services.ingest.usecases.ports import Finding, Submitter, World
from services.kernel import manifest as manifests
from services.kernel.canonical import canonical, rfc3339
from services.kernel.classification import (
    Authority,
    History,
    Kind,
    Proof,
    Proposal,
    Standing,
    Step,
    decide,
    due_for_declassification,
    judge_competence,
)
from services.kernel.classification.deciding import notify_by, remarks
from services.kernel.classification.message import DOSSIER, TYPE, ClassificationChanged
from services.kernel.identifiers import PackageId
from services.kernel.manifest import Manifest
from services.kernel.refusals.classification import AuthorityUnproved, ClassifiedUnknown, StepAhead
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile, Level, Secrecy
from services.kernel.vietnam import day_in_vietnam

_PLAIN: Final = Secrecy(level=Level.NONE)
_AT_ONCE: Final = 200  # packages a run of the periodic job looks at in one go
RAISED: Final = "classification-raised"
_RAISED_TEXT: Final = Text(
    "Độ mật được nâng sau khi nhận; đã phong tỏa mọi bản, chờ quyết định của Công an tỉnh.",
    "Its level was raised after it came in; every copy is held and the police decide.",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it is recorded: about which record, by whom, on what paper."""

    package: PackageId
    document: int
    proposal: Proposal
    authority: Authority
    instrument: str


@dataclass(frozen=True, slots=True)
class Recorder:
    """Who records; `may_attest` an authority that the registry cannot prove, `sees_held` what an officer holds."""

    sender: Submitter
    officer: str | None
    may_attest: bool
    sees_held: bool


@dataclass(frozen=True, slots=True)
class RecordHistory:
    """One record on a day: its standing by the steps known now, its label, and every step."""

    document: int
    standing: Standing
    label: Level
    steps: tuple[RecordedStep, ...]


async def record_step(
    decision: Decision,
    recorder: Recorder,
    *,
    ledger: ClassificationLedger,
    bodies: Bodies,
    world: World,
    deployment: DeploymentProfile,
) -> RecordedStep:
    """Record a decision about a record of a sealed package; it counts when this returns.

    Safe to repeat: the same decision by the same instrument answers the step that stands.

    Raises:
        ClassifiedUnknown: no such sealed package, no such document in it, or an officer holds it and the recorder, who
            does not see incidents, had no part in what is known of it (DECISION-0020).
        AuthorityIncompetent, AuthorityUnproved: whose decision it is.
        StepAhead, ClassificationUnchanged, ExtensionLate, ExtensionTooLong, TermUnknown, TermTooLong, ListItemMissing,
        AnnulledStepUnfit: what is decided.
    """
    manifest = await _manifest(decision.package, ledger)
    async with ledger.transaction() as books:
        package = await _locked(books, decision.package)
        known = await _known(books, package, manifest, world.today())
        recorded = await books.steps(package.id)
        earlier = _standing_step(recorded, decision)
        unseen = not recorder.sees_held and await _held(books, package, decision.document)
        if earlier is not None and not (unseen and earlier.client != recorder.sender.client):
            return earlier
        body = None if package.fonds is None else bodies.body_of(package.fonds)
        if body is None or unseen:
            raise ClassifiedUnknown
        proof = judge_competence(
            decision.proposal.kind,
            decision.authority,
            decision.proposal.decided_on,
            body=body,
            registry=bodies.successions(),
        )
        if proof is Proof.ATTESTED and not recorder.may_attest:
            raise AuthorityUnproved
        history = _history(decision.document, manifest, known, recorded)
        today, now = world.today(), world.now()
        step = decide(history, decision.proposal, id_=world.new_id(), today=today)
        after = history.with_step(step)
        entry = RecordedStep(
            package=package.id,
            document=decision.document,
            step=step,
            before=known[decision.document].level if decision.document in known else Level.NONE,
            after=after.label_on(today),
            list_item=decision.proposal.list_item,
            instrument=decision.instrument,
            authority=decision.authority,
            proof=proof,
            remarks=tuple(remarks(history, step)),
            notify_by=notify_by(step),
            agency=package.agency,
            client=recorder.sender.client,
            officer=recorder.officer,
            at=now,
        )
        await _put(books, package, [(entry, after)], known, world, deployment)
    return entry


async def declassify_due(
    *, ledger: ClassificationLedger, world: World, deployment: DeploymentProfile, limit: int = _AT_ONCE
) -> int:
    """Record the automatic step of every record whose protection has ended, and what was decided for today.

    How many packages were looked at; 0 when nothing is due any more. Any number of workers may run it at once: a record
    is looked at under its package's lock, and a step that stands is not repeated.
    """
    today = world.today()
    async with ledger.transaction() as books:
        waiting = [*await books.unread(limit), *await books.due(today, limit)]
    for package_id in waiting:
        manifest = await _manifest(package_id, ledger)
        async with ledger.transaction() as books:
            package = await _locked(books, package_id)
            known = await _known(books, package, manifest, world.today())
            await _apply_due(books, package, manifest, known, world, deployment)
    return len(waiting)


async def histories(
    package_id: PackageId, day: date | None, *, sees_held: bool, ledger: ClassificationLedger, world: World
) -> list[RecordHistory]:
    """Every record of the package that has or had a label, as of a day (None: today).

    To a reader who does not see incidents, what an officer holds is like what never was (DECISION-0020).

    Raises:
        ClassifiedUnknown.
    """
    manifest = await _manifest(package_id, ledger)
    today = world.today()
    async with ledger.transaction() as books:
        package = await _locked(books, package_id)
        if package.held and not sees_held:
            raise ClassifiedUnknown
        hidden = frozenset() if sees_held else await books.held_documents(package_id)
        known = await _known(books, package, manifest, world.today())
        recorded = await books.steps(package_id)
    found: list[RecordHistory] = []
    for document in sorted(known.keys() - hidden):
        history = _history(document, manifest, known, recorded)
        steps = tuple(entry for entry in recorded if entry.document == document)
        found.append(RecordHistory(document, history.on(day or today), history.label_on(today), steps))
    return found


async def record_notice(notice: Notice, *, sees_held: bool, ledger: ClassificationLedger, world: World) -> None:
    """Record that whoever has the record was told of a step. A repeat changes nothing.

    Raises:
        ClassifiedUnknown: no such step, or an officer holds its record and whoever tells neither sees incidents nor
            recorded the step (DECISION-0020).
        StepAhead: told after today.
    """
    if notice.notified_on > world.today():
        raise StepAhead
    async with ledger.transaction() as books:
        step = await books.step(notice.step)
        if step is None:
            raise ClassifiedUnknown
        package = await books.package(step.package)
        unseen = not sees_held and step.client != notice.client
        if package is None or (unseen and await _held(books, package, step.document)):
            raise ClassifiedUnknown
        if await books.add_notice(notice):
            await books.journal(
                canonical(
                    {
                        "type": "classification_notified",
                        "package": str(package.id),
                        "step": str(notice.step),
                        "notified_on": notice.notified_on.isoformat(),
                        "client": str(notice.client),
                        "at": rfc3339(notice.at),
                    }
                )
            )


async def _manifest(package: PackageId, ledger: ClassificationLedger) -> Manifest:
    """A manifest may have 100,000 components: it is read beside the event loop, and before any lock."""
    async with ledger.transaction() as books:
        await _sealed(books, package)
        data = await books.manifest(package)
    return await asyncio.to_thread(manifests.parse, data)


async def _sealed(books: ClassificationBooks, package_id: PackageId, *, lock: bool = False) -> Package:
    package = await books.package(package_id, lock=lock)
    if package is None or package.state not in HAS_RECEIPT:
        raise ClassifiedUnknown
    return package


async def _locked(books: ClassificationBooks, package_id: PackageId) -> Package:
    return await _sealed(books, package_id, lock=True)


async def _held(books: ClassificationBooks, package: Package, document: int) -> bool:
    return package.held or document in await books.held_documents(package.id)


async def _known(
    books: ClassificationBooks, package: Package, manifest: Manifest, today: date
) -> dict[int, Classified]:
    """The package's records with a label; read from the manifest the first time."""
    known = await books.classified(package.id)
    if known is not None:
        return dict(known)
    await books.note_read(package.id)
    labels = dict((await books.description(package.id)).levels)
    found: dict[int, Classified] = {}
    for document in _labelled(manifest, labels):
        secrecy = _secrecy(manifest, document)
        sealed_as = _sealed_label(document, secrecy, labels, package.sealed_at)
        history = History(secrecy, sealed_as)
        found[document] = Classified(sealed_as, sealed_as, _due_on(history, today), _ended_on(history, today))
        await books.set_classified(package.id, document, found[document])
    return found


def _labelled(manifest: Manifest, labels: Mapping[int, Level]) -> Sequence[int]:
    documents = {at for at, entry in enumerate(manifest.documents) if entry.secrecy.level is not Level.NONE}
    own = manifest.dossier_secrecy is not None and manifest.dossier_secrecy.level is not Level.NONE
    return sorted({*documents, *labels, *({DOSSIER} if own else ())})


def _secrecy(manifest: Manifest, document: int) -> Secrecy:
    if document == DOSSIER:
        return manifest.dossier_secrecy or _PLAIN
    if not 0 <= document < len(manifest.documents):
        raise ClassifiedUnknown
    return manifest.documents[document].secrecy


def _sealed_label(document: int, secrecy: Secrecy, labels: Mapping[int, Level], sealed_at: datetime | None) -> Level:
    """The label with which catalog shelved the record: the verdict's, and of a stub never less than it says itself."""
    stated = Level.TUYET_MAT if secrecy.level is None else secrecy.level
    if document == DOSSIER:
        protected = sealed_at is None or secrecy.protected_on(day_in_vietnam(sealed_at))
        return max(stated if protected else Level.NONE, labels.get(DOSSIER, Level.NONE))
    found = labels.get(document, Level.NONE)
    return max(found, stated) if secrecy.stub else found


def _history(
    document: int, manifest: Manifest, known: Mapping[int, Classified], recorded: Sequence[RecordedStep]
) -> History:
    steps = tuple(entry.step for entry in recorded if entry.document == document)
    sealed_as = known[document].sealed_as if document in known else Level.NONE
    return History(_secrecy(manifest, document), sealed_as, steps)


def _standing_step(recorded: Sequence[RecordedStep], decision: Decision) -> RecordedStep | None:
    """The very decision, where it was recorded before."""
    wanted = decision.proposal
    for entry in recorded:
        step = entry.step
        same = (step.kind, step.decided_on, step.level, step.until, step.annuls) == (
            wanted.kind,
            wanted.decided_on,
            wanted.level,
            wanted.until,
            wanted.annuls,
        )
        if same and (entry.document, entry.instrument) == (decision.document, decision.instrument):
            return entry
    return None


async def _apply_due(
    books: ClassificationBooks,
    package: Package,
    manifest: Manifest,
    known: dict[int, Classified],
    world: World,
    deployment: DeploymentProfile,
) -> None:
    today, recorded = world.today(), await books.steps(package.id)
    made: list[tuple[RecordedStep, History]] = []
    moved = False
    for document, classified in sorted(known.items()):
        history = _history(document, manifest, known, recorded)
        ended = due_for_declassification(history, today)
        if ended is not None:
            step = Step(world.new_id(), len(history.steps) + 1, Kind.EXPIRED, ended, ended)
            after = history.with_step(step)
            entry = RecordedStep(
                package=package.id,
                document=document,
                step=step,
                before=classified.level,
                after=after.label_on(today),
                list_item="",
                instrument="",
                authority=None,
                proof=Proof.CALENDAR,
                remarks=(),
                notify_by=None,
                agency=package.agency,
                client=None,
                officer=None,
                at=world.now(),
            )
            made.append((entry, after))
        elif (label := history.label_on(today)) is not classified.level or classified.due_on != _due_on(history, today):
            moved |= label is not classified.level
            known[document] = replace(
                classified, level=label, due_on=_due_on(history, today), ended_on=_ended_on(history, today)
            )
            await books.set_classified(package.id, document, known[document])
            if label > classified.level and deployment is not DeploymentProfile.OPEN:
                await books.wake_rekeying(package.id)
    if made or moved:
        await _put(books, package, made, known, world, deployment)


async def _put(
    books: ClassificationBooks,
    package: Package,
    made: Sequence[tuple[RecordedStep, History]],
    known: dict[int, Classified],
    world: World,
    deployment: DeploymentProfile,
) -> None:
    """Write steps and what follows from them, and tell catalog."""
    today, now, message = world.today(), world.now(), world.new_id()
    for entry, history in made:
        await books.add_step(entry)
        await books.journal(_event(entry))
        raised = entry.after > entry.before
        standing = Classified(history.sealed_as, entry.after, _due_on(history, today), _ended_on(history, today))
        known[entry.document] = standing
        await books.set_classified(package.id, entry.document, standing, message if raised else None)
        if raised and deployment is DeploymentProfile.OPEN:
            await _stop(books, package.id, entry)
        elif raised:
            await books.wake_rekeying(package.id)
    changed = ClassificationChanged(
        id=message,
        at=now,
        package=package.id,
        chain=package.chain,
        revision=await books.next_revision(package.id),
        labels={document: classified.level for document, classified in known.items()},
    )
    await books.post(message, CATALOG, TYPE, changed.to_bytes(), now)


async def _stop(books: ClassificationBooks, package: PackageId, entry: RecordedStep) -> None:
    """Rule 21 where nothing above NONE may be: nobody reads it from now on, and the finding waits for officers."""
    await books.hold_document(package, entry.document)
    await books.wake_incident(package, entry.document, entry.step.id)
    pointer = "/dossier" if entry.document == DOSSIER else f"/documents/{entry.document}"
    await books.add_finding(package, Finding(pointer, RAISED, _RAISED_TEXT.vi, _RAISED_TEXT.en, entry.at))


def _due_on(history: History, today: date) -> date | None:
    """The next day on which the periodic job has to look at the record; None where no date moves it."""
    days = [step.effective_on for step in history.steps if step.effective_on > today]
    standing = history.on(today)
    if history.label_on(today) is not Level.NONE and standing.given is not Level.TUYET_MAT and standing.until:
        days.append(standing.until + timedelta(days=1))
    return min(days, default=None)


def _ended_on(history: History, today: date) -> date | None:
    """The last day of a term after which only a decision takes the label away (rule 14); it may lie ahead."""
    standing = history.on(today)
    waits = standing.given is Level.TUYET_MAT and history.label_on(today) is not Level.NONE
    return standing.until if waits else None


def _event(entry: RecordedStep) -> bytes:
    step = entry.step
    return canonical(
        {
            "type": "classification_step",
            "package": str(entry.package),
            "document": entry.document,
            "step": str(step.id),
            "number": step.number,
            "kind": step.kind.value,
            "before": entry.before.wire,
            "after": entry.after.wire,
            "decided_on": step.decided_on.isoformat(),
            "effective_on": step.effective_on.isoformat(),
            "proof": entry.proof.value,
            "client": None if entry.client is None else str(entry.client),
            "row_sha256": hashlib.sha256(_row(entry)).hexdigest(),
            "at": rfc3339(entry.at),
        }
    )


def _row(entry: RecordedStep) -> bytes:
    """Everything kept of the step, so that a row altered later shows against the log."""
    step, authority = entry.step, entry.authority
    return canonical(
        {
            "id": str(step.id),
            "package": str(entry.package),
            "document": entry.document,
            "number": step.number,
            "kind": step.kind.value,
            "level": None if step.level is None else step.level.wire,
            "until": None if step.until is None else step.until.isoformat(),
            "annuls": None if step.annuls is None else str(step.annuls),
            "decided_on": step.decided_on.isoformat(),
            "effective_on": step.effective_on.isoformat(),
            "list_item": entry.list_item,
            "instrument": entry.instrument,
            "authority": "" if authority is None else authority.name,
            "authority_agency": None if authority is None or authority.agency is None else str(authority.agency),
            "relation": None if authority is None else authority.relation.value,
            "officer": entry.officer,
        }
    )
