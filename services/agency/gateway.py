"""The SDK: one object that hands dossiers over and reads them back.

    from pathlib import Path
    from services.agency import Gateway, Profile

    with Gateway(Profile.load()) as gateway:
        for outcome in gateway.push_folder(Path("ho-so-001")):
            print(outcome.label, outcome.package, outcome.receipt)

A push raises for what concerns the whole delivery; what happens to one dossier is in its outcome.

Source: DESIGN 5, 8, 10.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import urlencode
from uuid import UUID

from services.agency import keys
from services.agency.answers import refusal
from services.agency.carried_rules import Carried, RuleShelf
from services.agency.delivery import Delivery, Dossier
from services.agency.downloading import download
from services.agency.errors import AgencyError, InterruptedPushError, LaterError, RejectedError, UsageError
from services.agency.folder import read_folder
from services.agency.listing import await_listing
from services.agency.looking import look_into
from services.agency.manifests import Declared, declare, findings_of
from services.agency.observing import Observer, Silent
from services.agency.pacing import Pace
from services.agency.preparing import prepare, read_sheet
from services.agency.profile import Profile
from services.agency.receipts import ReceiptInvalid, parse_log_key, refuted, require_valid
from services.agency.refreshing import Refreshed, refresh
from services.agency.session import Body, Session
from services.agency.sheets.findings import Finding
from services.agency.state import Pushed, State
from services.agency.upload import DEFAULT_PART, Upload
from services.agency.wire import Wire
from services.kernel.refusals.registry import Text
from services.kernel.secrecy import DeploymentProfile
from services.kernel.vietnam import day_in_vietnam

_HASHED_WRONG: Final = frozenset({"component-digest-mismatch", "parts-keep-missing", "file-changed"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one dossier: a receipt, or the error that kept it from one. `findings` map refusals to the sheet."""

    label: str
    package: str | None
    state: str
    receipt: Path | None
    manifest: Path | None
    components: int
    bytes: int
    stubs: int = 0
    error: AgencyError | None = None
    findings: tuple[Finding, ...] = ()


class Gateway:
    """One client at one gateway. `jobs` parts travel at once; `rate` is in bytes a second, 0 for no limit.

    What is read is looked into for marks of secrecy, unless `look` is False; `marks_reviewed` says that somebody who answers
    for the delivery has seen what was found and that it is none (DECISION-0025).
    """

    def __init__(
        self,
        profile: Profile,
        *,
        observer: Observer | None = None,
        language: str = "vi",
        jobs: int = 4,
        part_size: int = DEFAULT_PART,
        rate: int = 0,
        patience: float = 1800.0,
        look: bool = True,
        marks_reviewed: bool = False,
    ) -> None:
        self._look = look
        self._marks_reviewed = marks_reviewed
        self._profile = profile
        self._observer = observer or Silent()
        self._jobs = jobs
        self._part_size = part_size
        self._pace = Pace(rate)
        self._patience = patience
        self._stop = threading.Event()
        self.state = State(profile.state)
        self._shelf = RuleShelf(profile.state, profile.rule_keys)
        self._wire = Wire(profile, connections=jobs + 2)
        self._session = Session(
            self._wire,
            gateway=profile.gateway,
            client_id=str(profile.client_id),
            key=keys.load(profile.key_file),
            observer=self._observer,
            language=language,
            stop=self._stop,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and files."""
        self._stop.set()
        self._wire.close()
        self.state.close()

    def stop(self) -> None:
        """Ask a push in another thread to end soon; the same push resumes."""
        self._stop.set()

    def read_sheet(self, sheet: Path, files: Path, *, layout: str = "party-flat") -> Delivery:
        """The delivery that a spreadsheet describes, checked and made fit for this deployment."""
        delivery = read_sheet(sheet, files, layout=layout, today=today(), fonds=self._profile.fonds)
        prepare(delivery, deployment=self._deployment(), today=today(), rules=self.carried_rules())
        self._look_into(delivery)
        return delivery

    def read_folder(self, folder: Path) -> list[Delivery]:
        """The deliveries that a folder's descriptions describe, checked and made fit for this deployment."""
        deliveries = read_folder(folder, fonds=self._profile.fonds, creator=self._profile.creator)
        rules = self.carried_rules()
        for delivery in deliveries:
            prepare(delivery, deployment=self._deployment(), today=today(), rules=rules)
            self._look_into(delivery)
        return deliveries

    def _look_into(self, delivery: Delivery) -> None:
        if self._look:
            look_into(delivery, state=self.state, reviewed=self._marks_reviewed, observer=self._observer)

    def push_sheet(self, sheet: Path, files: Path, *, partial: bool = False) -> Iterator[Outcome]:
        """Hand over what a spreadsheet describes; see `push`."""
        return self.push(self.read_sheet(sheet, files), partial=partial)

    def push_folder(self, folder: Path, *, partial: bool = False) -> Iterator[Outcome]:
        """Hand over a folder of files with its description; see `push`."""
        deliveries = self.read_folder(folder)
        for delivery in deliveries:
            require_sound(delivery, partial=partial)
        return (outcome for delivery in deliveries for outcome in self.push(delivery, partial=partial))

    def push(self, delivery: Delivery, *, partial: bool = False, transfer: str | None = None) -> Iterator[Outcome]:
        """Hand over a delivery, one package a dossier, and yield what became of each.

        With `partial`, dossiers whose rows have errors are left out; else any error keeps everything back. Safe to
        repeat: what the gateway has is not sent again.

        Raises:
            RejectedError: the delivery has errors; `Delivery.errors` lists them.
            InterruptedPushError: `stop` was called.
        """
        require_sound(delivery, partial=partial)
        return self._push_each(delivery, transfer)

    def _push_each(self, delivery: Delivery, transfer: str | None) -> Iterator[Outcome]:
        for dossier in delivery.dossiers:
            if delivery.broken(dossier):
                yield _left_out(dossier)
                continue
            dossier.transfer = transfer or dossier.transfer
            yield self._push_one(delivery, dossier)

    def status(self, package: UUID | None = None) -> dict[str, object]:
        """One package's state as the gateway tells it, or a page of this agency's packages."""
        origin = self._session.endpoints().ingest
        return self._get(f"{origin}/v1/packages" if package is None else f"{origin}/v1/packages/{package}")

    def search(self, query: str, **filters: str | int) -> dict[str, object]:
        """A page of documents found in the catalog; filters as in its API (fonds, from, to, after, limit).

        What was sealed from here a moment ago is waited for, so that it is found.
        """
        await_listing(self.state, listed=self._listed, observer=self._observer, pause=self._session.pause)
        return self._get(f"{self._session.endpoints().catalog}/v1/search?{urlencode({'q': query, **filters})}")

    def receipt(self, package: UUID) -> bytes:
        """A package's receipt, verified; it is kept beside the state too.

        Raises:
            RejectedError: there is none yet, or it does not verify.
        """
        answer = self._session.request(
            "GET", f"{self._session.endpoints().ingest}/v1/packages/{package}/receipt?wait=0"
        )
        if answer.status == 202:
            raise RejectedError("receipt-pending", Text("Chưa có biên nhận", "There is no receipt yet"))
        if answer.status != 200:
            raise refusal(answer)
        require_valid(answer.body, package=str(package), manifest_sha256=None, keys=self._log_keys())
        self.state.keep_receipt(str(package), answer.body)
        return answer.body

    def refresh(self, old: bytes) -> Refreshed:
        """The same deposit under a later checkpoint, and the proof that the log only grew; from public files alone.

        Raises:
            RejectedError: there is no later checkpoint.
            FatalError: the old receipt does not verify, or the log does not continue its checkpoint.
        """
        try:
            return refresh(old, [parse_log_key(key) for key in self._log_keys()], self._log_file)
        except ReceiptInvalid as error:
            raise refuted(error) from error

    def paper(self, package: UUID, receipt: bytes, *, pdf: bool) -> bytes:
        """A receipt as a page for the paper file, HTML or PDF, with the codes of a manifest that was kept.

        Raises:
            FatalError: the receipt does not verify.
        """
        # Fonts and images are loaded only for this.
        from services.agency.paper.facts import page_of
        from services.agency.paper.html import html_page
        from services.agency.paper.pdf import pdf_page

        kept = self.state.manifest_path(str(package))
        keys = [parse_log_key(key) for key in self._log_keys()]
        try:
            page = page_of(receipt, keys, kept.read_bytes() if kept.exists() else None)
        except ReceiptInvalid as error:
            raise refuted(error) from error
        return pdf_page(page) if pdf else html_page(page)

    def manifest(self, package: UUID) -> bytes:
        """A package's manifest as it was declared."""
        answer = self._session.request("GET", f"{self._session.endpoints().ingest}/v1/packages/{package}/manifest")
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    @property
    def origin(self) -> str:
        """The gateway's address."""
        return self._profile.gateway

    def rules(self) -> bytes:
        """The envelope of the secrecy rules in force."""
        answer = self._session.request("GET", f"{self._session.endpoints().ingest}/v1/rules/current")
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    def fetch_rules(self) -> Carried:
        """Carry the rules in force to this machine; see `carried_rules`.

        Raises:
            RejectedError: the gateway gives rules that do not hold; what was carried before stays.
        """
        envelope = self.rules()
        answer = self._session.request("GET", f"{self._session.endpoints().ingest}/v1/rules/current/signers")
        if answer.status != 200:
            raise refusal(answer)
        stated = answer.json()
        signers = stated.get("signers")
        return self._shelf.take(
            envelope,
            signers if isinstance(signers, list) else [],
            now=datetime.now(UTC),
            today=today(),
            ceilings=stated.get("ceilings", []),  # an older gateway states none
        )

    def carried_rules(self) -> Carried | None:
        """The rules in force, or, where the gateway gives none that hold, the last good ones that were carried here.

        None where there are neither; then the baseline judges. What is wrong is told to the observer.
        """
        try:
            return self.fetch_rules()
        except (LaterError, RejectedError) as error:
            self._observer.say(error.code, error.text)
        try:
            return self._shelf.held(today())
        except RejectedError as error:
            self._observer.say(error.code, error.text)
            return None

    def rules_what_if(self, draft: bytes, since: date) -> Iterator[dict[str, object]]:
        """What a draft (its canonical payload) would change in what was declared since a day, page by page.

        Raises:
            RejectedError: the draft has errors.
        """
        after = ""
        while True:
            asked = f"{self._session.endpoints().ingest}/v1/rules:what-if?since={since.isoformat()}{after}"
            answer = self._session.request("POST", asked, Body.of(draft))
            if answer.status != 200:
                raise refusal(answer)
            page = answer.json()
            yield page
            if not page.get("after"):
                return
            after = f"&after={page['after']}"

    def publish_rules(self, envelope: bytes) -> None:
        """Publish a bundle of rules that two officers signed; safe to repeat while it is the newest.

        Raises:
            RejectedError: unsigned, not by two officers, not newer, not yet in force, or with errors.
        """
        answer = self._session.request("POST", f"{self._session.endpoints().ingest}/v1/rules", Body.of(envelope))
        if answer.status not in (200, 201):
            raise refusal(answer)

    def registry(self, path: str, **query: str) -> dict[str, object]:
        """What auth's registry shows at a path, as a JSON object."""
        return self._get(f"{self._session.endpoints().auth}{path}", query)

    def catalog(self, path: str, **query: str) -> dict[str, object]:
        """What the catalog shows at a path, as a JSON object."""
        return self._get(f"{self._session.endpoints().catalog}{path}", query)

    def look(self, path: str, **query: str) -> dict[str, object]:
        """What ingest shows officers at a path, as a JSON object."""
        return self._get(f"{self._session.endpoints().ingest}{path}", query)

    def decide(self, path: str, form: Mapping[str, object]) -> dict[str, object]:
        """Tell auth's registry what officers decided.

        Raises:
            RejectedError: with the refusal's code and what to do about it.
        """
        return self._tell("POST", f"{self._session.endpoints().auth}{path}", form)

    def ask_catalog(self, path: str, form: Mapping[str, object]) -> dict[str, object]:
        """Tell the catalog what was asked for or settled; raises as `decide`."""
        return self._tell("POST", f"{self._session.endpoints().catalog}{path}", form)

    def record(self, path: str, form: Mapping[str, object]) -> dict[str, object]:
        """Record what officers decided or found, at ingest; empty where the answer has no body. Raises as `decide`."""
        return self._tell("POST", f"{self._session.endpoints().ingest}{path}", form)

    def order(self, path: str, form: Mapping[str, object]) -> dict[str, object]:
        """Order something at ingest, under an identifier of the caller's own in `path`; safe to repeat. Raises as `decide`."""
        return self._tell("PUT", f"{self._session.endpoints().ingest}{path}", form)

    def document(self, path: str) -> bytes:
        """A whole file that ingest makes, such as the yearly report's workbook."""
        answer = self._session.request("GET", f"{self._session.endpoints().ingest}{path}")
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    def get(self, wanted: UUID, folder: Path) -> list[Path]:
        """Fetch a component, or every component of a document, dossier or package, into a folder.

        Files are written whole or not at all, and only with the digest the catalog states.
        """
        return download(self._session, self._observer, wanted, folder)

    def _log_file(self, path: str) -> bytes | None:
        answer = self._session.public(f"{self._session.endpoints().ingest}/log/{path}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    def _get(self, url: str, query: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
        answer = self._session.request("GET", f"{url}?{urlencode(query)}" if query else url)
        if answer.status != 200:
            raise refusal(answer)
        return answer.json()

    def _tell(self, method: str, url: str, form: Mapping[str, object]) -> dict[str, object]:
        answer = self._session.request(method, url, Body.of(json.dumps(form, ensure_ascii=False).encode()))
        if answer.status not in (200, 201, 202, 204):
            raise refusal(answer)
        return answer.json() if answer.body else {}

    def _listed(self, package: str) -> bool:
        address = f"{self._session.endpoints().catalog}/v1/packages/{package}?limit=1"
        return self._session.request("GET", address).status != 404

    def _push_one(self, delivery: Delivery, dossier: Dossier) -> Outcome:
        declared: Declared | None = None
        package: str | None = None
        try:
            size = sum(file.size for document in dossier.documents for file in document.files)
            self._observer.stage(dossier.label, "hash", size)
            declared = declare(
                dossier,
                submitter=self._profile.creator or dossier.creator,
                state=self.state,
                advance=lambda amount: self._observer.advance(dossier.label, "hash", amount),
            )
            upload = Upload(
                self._session, declared, self._observer, jobs=self._jobs, part_size=self._part_size, pace=self._pace
            )
            opened = upload.open()
            package = opened.package
            self._remember(delivery, declared, package, opened.state)
            manifest = self.state.keep_manifest(package, declared.manifest)
            upload.send(opened)
            receipt = upload.receipt(opened, patience=self._patience)
            require_valid(receipt, package=package, manifest_sha256=declared.digest, keys=self._log_keys())
            place = self.state.keep_receipt(package, receipt)
            self._remember(delivery, declared, package, "sealed")
            self.state.expect_listing(package, time.time())
        except InterruptedPushError:
            raise
        except AgencyError as error:
            if error.code in _HASHED_WRONG:
                for document in dossier.documents:
                    for file in document.files:
                        self.state.forget_digest(file.path.resolve())
            found = tuple(findings_of(error.faults, dossier))
            return Outcome(dossier.label, package, "failed", None, None, 0, 0, error=error, findings=found)
        finally:
            self._observer.finished(dossier.label)
        sent = declared.payload_sources(opened.not_planned)
        return Outcome(
            dossier.label,
            package,
            "sealed",
            place,
            manifest,
            len(sent),
            sum(source.size for source in sent),
            stubs=sum(document.secrecy.get("stub") is True for document in dossier.documents),
        )

    def _remember(self, delivery: Delivery, declared: Declared, package: str, state: str) -> None:
        self.state.keep_package(
            Pushed(declared.digest, package, declared.dossier.label, str(delivery.source.resolve()), state)
        )

    def _log_keys(self) -> Sequence[str]:
        """The pinned keys of the log; on first use those that the gateway states, which are then pinned."""
        if not self._profile.log_keys:
            stated = self._session.endpoints().log_keys
            if not stated:
                raise UsageError(
                    "log-keys-unknown",
                    Text("Cổng không công bố khóa nhật ký", "The gateway states no key of its log"),
                    Text("Ghi log_keys vào cấu hình", "Put log_keys into the profile"),
                )
            self._profile = self._profile.pin(tuple(stated))
            self._observer.say(
                "log-keys-pinned",
                Text(
                    "Đã ghim khóa nhật ký của cổng trong lần dùng đầu", "The gateway's log keys are pinned on first use"
                ),
            )
        return self._profile.log_keys

    def _deployment(self) -> DeploymentProfile:
        return DeploymentProfile(self._profile.secrecy_profile)


def require_sound(delivery: Delivery, *, partial: bool) -> None:
    """Refuse a delivery with errors; with `partial` only one in which no dossier is free of them.

    Raises:
        RejectedError: with the number of errors; `Delivery.errors` lists them.
    """
    errors = delivery.errors
    if not errors or (partial and not all(delivery.broken(dossier) for dossier in delivery.dossiers)):
        return
    raise RejectedError(
        "delivery-has-errors",
        Text(f"Mục lục có {len(errors)} lỗi, chưa gửi gì", f"The delivery has {len(errors)} errors, nothing was sent"),
        Text("Xem và sửa: nopluu check", "See and mend them: nopluu check"),
    )


def today() -> date:
    """The day in Vietnam, by which terms of secrecy are counted."""
    return day_in_vietnam(datetime.now(UTC))


def _left_out(dossier: Dossier) -> Outcome:
    error = RejectedError(
        "dossier-has-errors",
        Text("Hồ sơ có lỗi trong mục lục, không gửi", "The dossier has errors in the sheet, not sent"),
    )
    return Outcome(dossier.label, None, "left-out", None, None, 0, 0, error=error)
