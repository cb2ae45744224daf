"""The proof of `make run`: two deliveries go in through the real SDK, are found, come back, and their receipts hold.

Nothing here is taken on trust: receipts are verified offline from public keys, manifest and folder; what comes back is
compared with the source byte for byte; a second run must find the first one's packages and send nothing.

Source: issue "walking skeleton", `make run`.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from deploy.onebox.console import Console
from services.agency import AgencyError, Gateway, Outcome, Profile
from services.agency.delivery import Delivery
from services.agency.gateway import require_sound
from services.agency.observing import Silent, Stage
from services.agency.verification.checking import Evidence, verify
from services.agency.verification.outcome import Failed

QUERY: Final = "thu thap chinh ly"
WANTED: Final = "thu thập, chỉnh lý"
_FOUND_WITHIN: Final = 60.0  # seconds until the catalog must have indexed what is sealed
_MIB: Final = 1024 * 1024


class NotProved(Exception):
    """A step did not come out as it must; the message is the reason, in plain words."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One package as it was proved."""

    label: str
    package: UUID
    receipt: Path
    manifest: Path
    files: Path
    components: int
    bytes: int


class Sent(Silent):
    """Counts the payload bytes that really travelled."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def advance(self, label: str, stage: Stage, amount: int) -> None:
        """Count what was uploaded."""
        if stage == "upload":
            with self._lock:
                self.bytes += amount


class Proof:
    """Pushes, verifies, searches and fetches as one agency; `known` are the packages of earlier runs by label."""

    def __init__(self, profile: Profile, console: Console, keys: Path, known: Mapping[str, str]) -> None:
        self._profile = profile
        self._console = console
        self._keys = keys
        self._known = known

    def deliver(self, sheet: tuple[Path, Path], folder: Path) -> list[Deposit]:
        """Push an inventory with its files, and a described folder; every receipt is proved before it counts.

        Raises:
            NotProved: any package has no receipt that holds, or a second run sent anything again.
        """
        sent = Sent()
        deposits: list[Deposit] = []
        with Gateway(self._profile, observer=sent) as gateway:
            deliveries = [gateway.read_sheet(*sheet), *gateway.read_folder(folder)]
            for delivery in deliveries:
                deposits += self._push(gateway, delivery, sent)
        again = sum(deposit.label in self._known for deposit in deposits)
        total = sum(deposit.bytes for deposit in deposits)
        self._console.detail(
            f"{len(deposits)} gói / packages ({again} đã có / known), {total / _MIB:.1f} MiB, "
            f"{sent.bytes / _MIB:.1f} MiB đã gửi / sent"
        )
        return deposits

    def _push(self, gateway: Gateway, delivery: Delivery, sent: Sent) -> Iterator[Deposit]:
        try:
            require_sound(delivery, partial=False)
        except AgencyError as error:
            raise NotProved(f"{delivery.source.name}: {error}: {delivery.errors[0]}") from error
        before = sent.bytes
        for outcome in gateway.push(delivery):
            deposit = _deposit(outcome, delivery.root)
            self._require_same_as_before(deposit, sent.bytes - before)
            self._verify(deposit)
            yield deposit
            before = sent.bytes

    def _require_same_as_before(self, deposit: Deposit, travelled: int) -> None:
        known = self._known.get(deposit.label)
        if known is None:
            return
        if known != str(deposit.package):
            raise NotProved(f"{deposit.label}: was package {known}, the gateway now answers {deposit.package}")
        if travelled:
            raise NotProved(f"{deposit.label}: {travelled} bytes were sent again")

    def _verify(self, deposit: Deposit) -> None:
        """What `nopluu verify RECEIPT --manifest M --files D --keys K` does."""
        try:
            proved = verify(Evidence(deposit.receipt, self._keys, deposit.manifest, deposit.files))
        except Failed as failed:
            raise NotProved(f"the receipt of {deposit.label} is refuted: {failed.code} {failed.detail}") from failed
        if proved.package != str(deposit.package) or proved.matched != deposit.components:
            raise NotProved(f"the receipt of {deposit.label} proves something else")
        self._console.detail(
            f"{deposit.label}: biên nhận / receipt {deposit.receipt} "
            f"(lá / leaf {proved.index} of {proved.signed.checkpoint.size}, {proved.matched} tệp / files)"
        )

    def search(self, deposits: Sequence[Deposit]) -> None:
        """Find `thu thập, chỉnh lý` by typing without diacritics; the catalog gets a while to index.

        Raises:
            NotProved: it is not found among the deposits.
        """
        packages = {str(deposit.package) for deposit in deposits}
        until = _Deadline(_FOUND_WITHIN)
        with Gateway(self._profile) as gateway:
            while True:
                items = _objects(gateway.search(QUERY).get("items"))
                hits = [item for item in items if str(item.get("package")) in packages and WANTED in _said(item)]
                if hits:
                    break
                until.wait(f"searching “{QUERY}” does not find “{WANTED}” ({len(items)} other hits)")
        for item in hits:
            self._console.detail(_said(item))

    def fetch(self, deposits: Sequence[Deposit]) -> int:
        """Get every component of every package back and compare it with its source; returns how many there were.

        Raises:
            NotProved: a byte differs or a file is missing.
        """
        compared = 0
        folder = Path(tempfile.mkdtemp(prefix="nopluu-get-"))
        try:
            with Gateway(self._profile) as gateway:
                for deposit in deposits:
                    target = folder / str(deposit.package)
                    fetched = gateway.get(deposit.package, target)
                    if len(fetched) != deposit.components:
                        raise NotProved(f"{deposit.label}: {len(fetched)} of {deposit.components} files came back")
                    for path in fetched:
                        source = deposit.files / path.relative_to(target)
                        if path.read_bytes() != source.read_bytes():
                            raise NotProved(f"{deposit.label}: a file came back with other bytes")
                    compared += len(fetched)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._console.detail(f"{compared} tệp giống từng byte / files equal byte for byte")
        return compared


def require_unseen(stranger: Profile, deposits: Sequence[Deposit]) -> None:
    """Another agency must get the same answer for a package that is not its own as for one that does not exist.

    Raises:
        NotProved: it sees something, or can tell the two apart.
    """
    absent = UUID(int=deposits[0].package.int ^ 1)
    with Gateway(stranger) as gateway:
        answers = [_refused(gateway, package) for package in (deposits[0].package, absent)]
        found = _objects(gateway.search(QUERY).get("items"))
    if answers[0] != answers[1]:
        raise NotProved(f"a stranger can tell a package from none: {answers}")
    if found:
        raise NotProved("a stranger finds documents of another agency")


def _refused(gateway: Gateway, package: UUID) -> tuple[str, str]:
    try:
        gateway.status(package)
    except AgencyError as error:
        return error.code, error.text.en
    raise NotProved("a stranger sees another agency's package")


def _deposit(outcome: Outcome, root: Path) -> Deposit:
    if outcome.error is not None or outcome.package is None or outcome.receipt is None or outcome.manifest is None:
        raise NotProved(f"{outcome.label}: {outcome.error}{_places(outcome)}")
    return Deposit(
        outcome.label,
        UUID(outcome.package),
        outcome.receipt,
        outcome.manifest,
        root,
        outcome.components,
        outcome.bytes,
    )


def _places(outcome: Outcome) -> str:
    return "".join(f"; {finding.place}: {finding.message.en}" for finding in outcome.findings[:5])


def _said(item: Mapping[str, object]) -> str:
    words = (item.get(name) for name in ("issued_on", "number", "notation", "subject", "title"))
    return "  ".join(str(word) for word in words if word)


def _objects(value: object) -> list[Mapping[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._stop = threading.Event()
        self._left = seconds

    def wait(self, reason: str, pause: float = 0.2) -> None:
        """Wait a little. Raises NotProved with the reason when the time is over."""
        if self._left <= 0:
            raise NotProved(reason)
        self._left -= pause
        self._stop.wait(pause)
