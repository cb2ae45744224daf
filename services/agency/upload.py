"""One package from its declaration to a verified receipt.

Nothing here is remembered that the gateway does not know better: after any interruption the same manifest is declared
again, the gateway answers the same package, and only the parts it still misses are sent.

Source: DESIGN 5; usability notes B1, B3, B4.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from services.agency.answers import Answer, problem_error, protocol_broken, refusal
from services.agency.errors import AgencyError, LaterError, RejectedError
from services.agency.manifests import Declared
from services.agency.observing import Observer
from services.agency.payload import Payload
from services.agency.session import Body, Session, interrupted
from services.kernel.layout import PART_SIZES
from services.kernel.refusals.registry import Text

DEFAULT_PART: Final = 8 * 1024 * 1024
_ROUNDS: Final = 3  # how often parts may turn out missing again after they were sent
_LOST: Final = 410  # the instance ended while it judged; nothing was kept
_WAIT: Final = 30  # seconds, at most, that the gateway holds a question for a receipt
_ENDED: Final = frozenset({"refused", "expired", "abandoned", "returned", "expelled"})
_SENDING: Final = frozenset({"declared", "receiving"})


@dataclass(frozen=True, slots=True)
class Opened:
    """What the gateway answered to a declaration."""

    package: str
    state: str
    parts: int
    part_size: int
    not_planned: tuple[str, ...]
    resumed: bool
    verdicts: tuple[Mapping[str, object], ...]


class Upload:
    """Sends one declared dossier; `limit` (bytes a second, 0 for none) is shared by its threads."""

    def __init__(
        self,
        session: Session,
        declared: Declared,
        observer: Observer,
        *,
        jobs: int,
        part_size: int,
        pace: Callable[[int], None],
    ) -> None:
        if part_size not in PART_SIZES:
            raise ValueError("a part is 1, 2, 4, 8 or 16 MiB")
        self._session = session
        self._declared = declared
        self._observer = observer
        self._jobs = jobs
        self._part_size = part_size
        self._pace = pace
        self._label = declared.dossier.label
        self._origin = session.endpoints().ingest

    def open(self) -> Opened:
        """Declare the manifest.

        Raises:
            RejectedError: the rules refuse it; `faults` has every pointer.
            AgencyError: any other refusal.
        """
        url = f"{self._origin}/v1/packages?part_size={self._part_size}"
        body = Body.of(self._declared.manifest)
        self._observer.stage(self._label, "server-check", 0)
        answer = self._session.request("POST", url, body)
        for _ in range(_ROUNDS):
            if answer.status != 202:
                break
            self._await_judgement(str(answer.json().get("package", "")))
            answer = self._session.request("POST", url, body)  # the package that stands now, or judged once more
        if answer.status not in (200, 201):
            raise refusal(answer)
        return _opened(answer)

    def send(self, opened: Opened) -> None:
        """Send what the gateway misses, until it misses nothing.

        Raises:
            AgencyError: a part is refused, a file changed, or the package has ended.
        """
        payload = Payload(self._declared.payload_sources(opened.not_planned), opened.part_size)
        if payload.part_count != opened.parts:
            raise protocol_broken(f"{opened.parts} parts planned, the files make {payload.part_count}")
        if not payload.part_count:
            return
        missing = range(opened.parts) if not opened.resumed else self.missing(opened.package)
        for _ in range(_ROUNDS):
            if not missing:
                return
            total = sum(payload.part_length(number) for number in missing)
            self._observer.stage(self._label, "upload", total)
            self._send_all(opened.package, payload, missing)
            missing = self.missing(opened.package)
        raise RejectedError(
            "parts-keep-missing",
            Text(
                "Cổng vẫn báo thiếu phần sau nhiều lần gửi: tệp không khớp mã băm",
                "The gateway still misses parts after several rounds: files do not match their digests",
            ),
            Text(
                "Kiểm tra ổ đĩa rồi chạy lại: các tệp sẽ được băm lại",
                "Check the disk and run again: the files will be hashed anew",
            ),
        )

    def receipt(self, opened: Opened, *, patience: float) -> bytes:
        """The receipt, waited for up to `patience` seconds; parts found bad meanwhile are sent again.

        Raises:
            LaterError: there is none yet.
            AgencyError: the package has ended otherwise.
        """
        self._observer.stage(self._label, "receipt", 0)
        until = time.monotonic() + patience
        while True:
            left = max(0, min(_WAIT, round(until - time.monotonic())))
            answer = self._session.request("GET", f"{self._origin}/v1/packages/{opened.package}/receipt?wait={left}")
            if answer.status == 200:
                return answer.body
            if answer.status != 202:
                raise refusal(answer)
            state = str(answer.json().get("state", ""))
            if state in _ENDED:
                raise self._ended(opened.package)
            if time.monotonic() >= until or not left:
                raise LaterError(
                    "receipt-pending",
                    Text(
                        "Đã gửi đủ, cổng chưa cấp biên nhận", "All is sent, the gateway has not issued the receipt yet"
                    ),
                    Text("Chạy lại đúng lệnh này sau ít phút", "Run the same command in a few minutes"),
                )
            if state in _SENDING:
                self.send(_again(opened))
                self._observer.stage(self._label, "receipt", 0)

    def missing(self, package: str) -> Sequence[int]:
        """The parts that the gateway lacks."""
        status = self._status(package)
        if status.get("state") in _ENDED:
            raise self._problem(status)
        return list(_numbers(status.get("missing")))

    def _send_all(self, package: str, payload: Payload, numbers: Sequence[int]) -> None:
        failed = threading.Event()
        pool = ThreadPoolExecutor(max_workers=min(self._jobs, len(numbers)), thread_name_prefix="part")
        try:
            sent = [pool.submit(self._send_part, package, payload, number, failed) for number in numbers]
            done, _ = wait(sent, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except AgencyError:
            failed.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        except BaseException:  # Ctrl-C in this thread must end the waits of the others
            failed.set()
            self._session.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def _send_part(self, package: str, payload: Payload, number: int, failed: threading.Event) -> None:
        if failed.is_set():
            return
        digest = payload.part_digest(number)

        def read() -> Iterator[bytes]:
            for chunk in payload.part(number):
                if failed.is_set():
                    raise interrupted()
                self._pace(len(chunk))
                yield chunk

        body = Body(digest, payload.part_length(number), "application/octet-stream", read)
        answer = self._session.request("PUT", f"{self._origin}/v1/packages/{package}/parts/{number}", body)
        if answer.status not in (200, 201):
            raise refusal(answer)
        self._observer.advance(self._label, "upload", payload.part_length(number))

    def _await_judgement(self, package: str) -> None:
        """Wait for the verdict on a large manifest; a judgement that was lost with its instance is over too.

        Raises:
            RejectedError: the rules refuse it.
        """
        delay = 0.25
        while True:
            answer = self._session.request("GET", f"{self._origin}/v1/packages/{package}")
            if answer.status == _LOST:
                return
            if answer.status != 200:
                raise refusal(answer)
            status = answer.json()
            state = status.get("state")
            if state == "judging":
                self._session.pause(delay)
                delay = min(delay * 1.5, 5.0)
                continue
            if state == "refused":
                raise self._problem(status)
            return

    def _status(self, package: str) -> Mapping[str, object]:
        answer = self._session.request("GET", f"{self._origin}/v1/packages/{package}")
        if answer.status != 200:
            raise refusal(answer)
        return answer.json()

    def _ended(self, package: str) -> AgencyError:
        return self._problem(self._status(package))

    def _problem(self, status: Mapping[str, object]) -> AgencyError:
        problem = status.get("problem")
        if isinstance(problem, dict):
            return problem_error(problem, 422)
        state = str(status.get("state"))
        return RejectedError(
            f"package-{state}", Text(f"Gói nộp đã ở trạng thái “{state}”", f"The package's state is “{state}”")
        )


def _opened(answer: Answer) -> Opened:
    value = answer.json()
    match value:
        case {"package": str(package), "state": str(state), "parts": int(parts), "part_size": int(part_size)}:
            pass
        case _:
            raise protocol_broken("the declaration's answer lacks members")
    entries = value.get("not_planned")
    verdicts = value.get("verdicts")
    return Opened(
        package,
        state,
        parts,
        part_size,
        tuple(str(entry.get("pointer")) for entry in entries if isinstance(entry, dict))
        if isinstance(entries, list)
        else (),
        answer.status == 200,
        tuple(entry for entry in verdicts if isinstance(entry, dict)) if isinstance(verdicts, list) else (),
    )


def _again(opened: Opened) -> Opened:
    return Opened(
        opened.package, opened.state, opened.parts, opened.part_size, opened.not_planned, True, opened.verdicts
    )


def _numbers(ranges: object) -> Iterator[int]:
    if not isinstance(ranges, list):
        return
    for entry in ranges:
        match entry:
            case [int(first), int(last)]:
                yield from range(first, last + 1)
            case _:
                raise protocol_broken("missing is not a list of ranges")
