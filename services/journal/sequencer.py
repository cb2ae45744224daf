"""The sequencer: gives every committed event its leaf, keeps the tree, and signs what has become of it.

Order, and what a crash leaves at each point:

1. Leaves are committed. From here the tree is determined: leaves never change.
2. Tiles and bundles are written to the store. Written twice, they are the same.
3. The checkpoint is signed and kept in the database. Only now, so that no signed tree can lack a tile or a leaf.
4. The checkpoint is published in the store, where receipts are built from it.
5. Cosignatures that witnesses give later are kept, and the cosigned checkpoint is published beside and in its place.

At start everything is recomputed from the leaves and compared with what was signed; what a crash left out is written
then. Two checkpoints can contradict each other only if leaves were altered or lost, and then the sequencer refuses.

Source: DESIGN 8; security register §5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.journal.log_rows import LogRows
from services.journal.publication import Publication, Resource
from services.journal.refusing import IN_DATABASE, IN_STORE, WITNESSED, foreign, gap, inconsistent, smaller
from services.kernel.refusals.registry import Text
from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import LogSigner, Note, NoteInvalid, Signature, VerifierKey
from services.kernel.tlog.policy import NO_WITNESSES, WitnessPolicy
from services.kernel.tlog.tiles import Edge
from services.kernel.tlog.witnessing import with_cosignatures

BATCH = 4096  # events numbered in one transaction
_READ = 20_000  # leaves read at once
_UNWRITTEN = 256  # full tiles held in memory before they are written


class Sequencer:
    """One log. `open` first, and again after every failure of the database; then `number` and `publish`."""

    def __init__(
        self,
        signer: LogSigner,
        retired: Sequence[VerifierKey],
        *,
        publication: Publication,
        now: Callable[[], datetime],
        batch: int = BATCH,
        policy: WitnessPolicy = NO_WITNESSES,
    ) -> None:
        self._signer = signer
        self._keys = [signer.verifier, *retired]
        self._publication = publication
        self._now = now
        self._batch = batch
        self._policy = policy
        self._edge = Edge()
        self._unwritten: list[Resource] = []
        self._published: Checkpoint | None = None
        self._cosigned_size = -1
        self.note: str | None = None
        """The published checkpoint's note, cosignatures included; None until there is one."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._signer.verifier.name

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._edge.size

    @property
    def clogged(self) -> bool:
        """Whether so many tiles wait for the store that no more events should be numbered."""
        return len(self._unwritten) >= _UNWRITTEN

    @property
    def behind(self) -> bool:
        """Whether leaves (or the empty tree) are not covered by a published checkpoint."""
        return self._published is None or self._published.size < self._edge.size

    async def open(self, rows: LogRows, witnessed: Sequence[str] = ()) -> None:
        """Recompute the tree from its leaves and compare it with what was signed, and with the notes witnesses hold.

        Raises:
            LogRefused: it is smaller than, or inconsistent with, a signed checkpoint.
        """
        note = await self._publication.checkpoint()
        stored = self._signed(note, IN_STORE)
        kept = self._signed(await rows.last_checkpoint(), IN_DATABASE)
        cosigned = self._signed(await self._publication.cosigned(), WITNESSED)
        candidates = [(stored, IN_STORE), (kept, IN_DATABASE), (cosigned, WITNESSED)]
        candidates += [(self._signed(shown, WITNESSED), WITNESSED) for shown in witnessed]
        signed = [(found, where) for found, where in candidates if found is not None]
        self._edge, self._unwritten, self._published, self.note = Edge(), [], None, None
        self._cosigned_size = cosigned.size if cosigned else -1
        published = stored.size if stored else 0
        stops = sorted({found.size for found, _ in signed} | {published})
        while True:
            for found, where in signed:
                if found.size == self._edge.size and found.root != self._edge.root:
                    raise inconsistent(found.size, where)
            until = next((stop for stop in stops if stop > self._edge.size), None)
            most = _READ if until is None else min(_READ, until - self._edge.size)
            entries = await rows.leaves(self._edge.size, most)
            if not entries:
                break
            self._unwritten += self._edge.append(entries)
            if self._edge.size <= published:
                self._unwritten.clear()  # written before that checkpoint was published
            elif len(self._unwritten) >= _UNWRITTEN:
                await self._flush()
        for found, where in signed:
            if found.size > self._edge.size:
                raise smaller(self._edge.size, found.size, where)
        if stored is not None and stored.size == self._edge.size:
            await self._publication.write(await self._publication.missing(self._edge.partial()))
            self._published, self.note = stored, note

    async def number(self, rows: LogRows) -> int:
        """Give leaves to pending events, at most one batch; how many there were."""
        first, entries = await rows.number(self._batch)
        if entries and first != self._edge.size:
            raise gap(self._edge.size)
        self._unwritten += self._edge.append(entries)
        return len(entries)

    async def publish(self, rows: LogRows) -> Checkpoint:
        """Write the tiles, then sign, keep and publish the checkpoint. Safe to repeat after any failure.

        Raises:
            StoreUnavailable: nothing is lost; call again.
            LogRefused: another root was signed for this size.
        """
        await self._flush()
        await self._publication.write(self._edge.partial())
        checkpoint = Checkpoint(self._signer.verifier.name, self._edge.size, self._edge.root)
        note = str(self._signer.sign(checkpoint.text))
        await rows.keep_checkpoint(checkpoint, note, self._now())
        await self._publication.write_checkpoint(note)
        self._published, self.note = checkpoint, note
        return checkpoint

    async def cosign(self, rows: LogRows, note: str, lines: Sequence[Signature]) -> None:
        """Keep and publish what witnesses signed over a note that was published before. Safe to repeat.

        Raises:
            StoreUnavailable: the next cosigned checkpoint will be published instead.
        """
        checkpoint = Checkpoint.parse(Note.parse(note).text)
        await rows.keep_cosignatures(checkpoint.size, lines, self._now())
        if checkpoint == self._published and self.note is not None:
            note = self.note = with_cosignatures(self.note, lines)
            await self._publication.write_checkpoint(note)
        else:
            note = with_cosignatures(note, lines)
        witnesses = open_checkpoint(note, [*self._keys, *self._policy.keys]).witnesses
        if checkpoint.size >= self._cosigned_size and self._policy.satisfied(witnesses):
            await self._publication.write_cosigned(note)
            self._cosigned_size = checkpoint.size

    async def look_again(self) -> None:
        """Publish once more where the store shows another checkpoint than the last one published.

        A sequencer that lost its lock while it was writing may have put an older one there.
        """
        shown = await self._publication.checkpoint()
        try:
            same = shown is not None and Checkpoint.parse(Note.parse(shown).text) == self._published
        except NoteInvalid:
            same = False
        if not same:
            self._published = None

    async def _flush(self) -> None:
        await self._publication.write(self._unwritten)
        self._unwritten = []

    def _signed(self, note: str | None, where: Text) -> Checkpoint | None:
        if note is None:
            return None
        try:
            checkpoint = open_checkpoint(note, self._keys).checkpoint
        except NoteInvalid as error:
            raise foreign(where) from error
        if checkpoint.origin != self._signer.verifier.name:
            raise foreign(where)
        return checkpoint
