"""Asking the witnesses to cosign, one request at a time each, beside the sequencer and never in its way.

A witness that cannot be reached is asked again later. One that refuses raises an alarm (an error in the log, and
`nopluu_log_witness_refuses`), and where it can show a checkpoint of this very log that ours does not continue, the
sequencer is told: only a signature by our own key counts as such evidence, so that no witness can stop the log by a lie.

Source: C2SP tlog-witness; DESIGN 8 ("Witnesses cosign checkpoints and never delay a receipt").
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from prometheus_client import Counter, Gauge

from services.kernel.refusals.platform import StoreUnavailable
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import Note, NoteInvalid, Signature, VerifierKey
from services.kernel.tlog.policy import PolicyWitness, WitnessPolicy
from services.kernel.tlog.tiles import TileInvalid, consistency_path, tiles_for_consistency
from services.kernel.tlog.tree import ProofInvalid, verify_consistency
from services.kernel.tlog.witnessing import AddCheckpoint, cosignatures
from services.runtime.journal import LogFiles, read_tile
from services.runtime.logging import logger
from services.runtime.metrics import Metrics
from services.runtime.object_store.port import ObjectMissing

ASK_SECONDS: Final = 1.0
"""Least time between two questions to one witness: it writes its state to disk for each."""

_RETRY_SECONDS: Final = 15.0
_TOTAL_SECONDS: Final = 10.0
_OPENING_SECONDS: Final = 3.0
_MAX_ANSWER: Final = 64 * 1024
_ATTEMPTS: Final = 3  # a size is learnt from the first answer; another sequencer may have asked meanwhile


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint's note, and the signature lines that a witness gave for it."""

    note: str
    lines: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A witness holds this checkpoint, signed by our key, and ours does not continue it."""

    evidence: str


Outcome = Cosigned | Contradicted | None


class _Refused(Exception):
    """The witness answered, and does not cosign."""


@dataclass(slots=True)
class _Asked:
    """What is known of one witness."""

    witness: PolicyWitness
    url: str
    size: int = 0
    done: str = ""  # the note it cosigned last
    not_before: float = float("-inf")
    task: asyncio.Task[Outcome] | None = field(default=None)


class Witnesses:
    """All witnesses of a policy. Without any, every call does nothing."""

    def __init__(
        self, policy: WitnessPolicy, log_keys: Sequence[VerifierKey], *, store: LogFiles, metrics: Metrics
    ) -> None:
        self.policy = policy
        self._log_keys = tuple(log_keys)
        self._store = store
        self._asked = [_Asked(entry, entry.url) for entry in policy.witnesses if entry.url is not None]
        self._client: aiohttp.ClientSession | None = None
        names = ("witness",)
        self._outcomes = Counter(
            "nopluu_log_witness_requests",
            "Questions to a witness, by how they ended.",
            ("witness", "outcome"),
            registry=metrics.registry,
        )
        self._refuses = Gauge(
            "nopluu_log_witness_refuses", "1 while this witness refuses to cosign.", names, registry=metrics.registry
        )
        self._sizes = Gauge(
            "nopluu_log_witnessed_size", "Size last cosigned by this witness.", names, registry=metrics.registry
        )
        for asked in self._asked:
            self._refuses.labels(asked.witness.name).set(0)

    async def evidence(self, origin: str) -> list[str]:
        """The notes that witnesses hold of this log, as far as they can be had within moments and our key signed them.

        Whoever opens the log must continue each of them.
        """
        found = await asyncio.gather(*(self._shown(asked, origin, _OPENING_SECONDS) for asked in self._asked))
        return [note for note in found if note is not None]

    def ask(self, note: str) -> None:
        """Begin to ask every witness that has not cosigned this note and whose time has come. Returns at once."""
        now = time.monotonic()
        for asked in self._asked:
            if asked.task is None and asked.done != note and now >= asked.not_before:
                asked.not_before = now + ASK_SECONDS
                asked.task = asyncio.create_task(self._outcome(asked, note), name="witness")

    def answers(self) -> Iterator[Cosigned | Contradicted]:
        """What came back since the last call."""
        for asked in self._asked:
            if asked.task is not None and asked.task.done():
                task, asked.task = asked.task, None
                if (outcome := task.result()) is not None:
                    yield outcome

    async def close(self) -> None:
        """Ask no more."""
        tasks = [asked.task for asked in self._asked if asked.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for asked in self._asked:
            asked.task = None
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _outcome(self, asked: _Asked, note: str) -> Outcome:
        """One question, whatever becomes of it."""
        name = asked.witness.name
        try:
            lines = await self._cosign(asked, note)
        except _Refused as refused:
            asked.not_before = time.monotonic() + _RETRY_SECONDS
            self._outcomes.labels(name, "refused").inc()
            self._refuses.labels(name).set(1)
            logger().error("log-witness-refuses", target=name, state=str(refused))
            return await self._contradiction(asked, Checkpoint.parse(Note.parse(note).text))
        except (aiohttp.ClientError, TimeoutError, OSError, StoreUnavailable, ObjectMissing, TileInvalid) as error:
            asked.not_before = time.monotonic() + _RETRY_SECONDS
            self._outcomes.labels(name, "unreachable").inc()
            logger().warning("log-witness-unreachable", target=name, state=type(error).__name__)
            return None
        asked.done = note
        self._outcomes.labels(name, "cosigned").inc()
        self._refuses.labels(name).set(0)
        self._sizes.labels(name).set(asked.size)
        return Cosigned(note, lines)

    async def _cosign(self, asked: _Asked, note: str) -> tuple[Signature, ...]:
        """Raises _Refused, and what a connection or the store may raise."""
        new = Checkpoint.parse(Note.parse(note).text)
        old = min(asked.size, new.size)
        for _ in range(_ATTEMPTS):
            path = await self._path(old, new.size)
            status, answer = await self._post(asked, str(AddCheckpoint(old, tuple(path), note)))
            if status == 200:
                try:
                    lines = cosignatures(answer, note, [asked.witness.key])
                except NoteInvalid as error:
                    raise _Refused(f"answer: {error.reason}") from error
                asked.size = new.size
                return lines
            if status == 409 and answer.strip().isascii() and answer.strip().isdigit() and len(answer) < 20:
                known = int(answer)
                asked.size = known
                if known == old or known > new.size:
                    raise _Refused("it knows another tree" if known == old else "it knows a larger tree")
                old = known
                continue
            if status >= 500 or status == 429:
                raise aiohttp.ClientError(status)
            raise _Refused(f"status {status}")
        raise _Refused("it names another size every time")

    async def _contradiction(self, asked: _Asked, ours: Checkpoint) -> Contradicted | None:
        """What the witness can show against us, if it is true."""
        note = await self._shown(asked, ours.origin, _TOTAL_SECONDS)
        if note is None:
            return None
        shown = open_checkpoint(note, self._log_keys).checkpoint
        if shown.size > ours.size:
            return Contradicted(note)
        try:
            path = await self._path(shown.size, ours.size)
            verify_consistency(shown.size, ours.size, shown.root, ours.root, path)
        except ProofInvalid:
            return Contradicted(note)
        except (StoreUnavailable, ObjectMissing, TileInvalid):
            return None
        return None

    async def _shown(self, asked: _Asked, origin: str, seconds: float) -> str | None:
        """The checkpoint that our witness command shows of a log; None where there is none, or not by our key."""
        address = f"{asked.url}/checkpoint/{hashlib.sha256(origin.encode()).hexdigest()}"
        try:
            async with asyncio.timeout(seconds), self._http().get(address, allow_redirects=False) as answer:
                if answer.status != 200:
                    return None
                note = (await answer.content.read(_MAX_ANSWER)).decode()
            shown = open_checkpoint(note, self._log_keys).checkpoint
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError, NoteInvalid):
            return None
        return note if shown.origin == origin else None

    async def _path(self, old: int, new: int) -> list[bytes]:
        needed = tiles_for_consistency(old, new)
        return consistency_path(old, new, {tile: await read_tile(self._store, tile) for tile in needed})

    async def _post(self, asked: _Asked, body: str) -> tuple[int, str]:
        address = f"{asked.url}/add-checkpoint"
        async with (
            asyncio.timeout(_TOTAL_SECONDS),
            self._http().post(address, data=body.encode(), allow_redirects=False) as answer,
        ):
            said = await answer.content.read(_MAX_ANSWER)
            return answer.status, said.decode("utf-8", "replace")

    def _http(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": "nopluu-journal"},
            )
        return self._client
