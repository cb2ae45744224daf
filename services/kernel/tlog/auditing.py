"""Recomputing a whole log from its rows and its published files, and naming what does not fit. Pure: no I/O.

For every leaf there are three witnesses to its entry: the row in the database, the entry bundle and the tile of level 0.
Whichever two agree are believed, and the third is named. The tree over what is believed must give every root that was
ever signed.

    audit = LogAudit(signed, published=checkpoint.size)
    for first in range(0, leaves, 256):
        for tile, expected in audit.run(first, rows, bundle, tile_of_level_0):
            audit.tile(tile, expected, found)
    faults = audit.finish()

Source: DESIGN promise 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.kernel import strict_json
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.tiles import WIDTH, Bundle, Edge, Tile, TileInvalid, parse_bundle
from services.kernel.tlog.tree import HASH, entry_hash, leaf_hash

MOST_TOLD = 100
ERASED = "event_erased"


class Fault(NamedTuple):
    """What is wrong: a stable code, the leaf's number or the tree's size it is about, and a name where there is one."""

    code: str
    at: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class LeafRow:
    """A leaf as a database holds it. `event` is the id of the event placed there; `body` None where it was erased."""

    index: int
    entry: bytes
    event: UUID | None = None
    found: bool = False
    salt: bytes | None = None
    body: bytes | None = None


class Signed(NamedTuple):
    """A checkpoint that was signed, and where it was found: `database`, `store`, `held` (by the auditor)."""

    where: str
    checkpoint: Checkpoint


@dataclass(slots=True)
class LogAudit:
    """One audit. `published` is the size up to which the store must hold tiles; `database` whether rows are there."""

    signed: Sequence[Signed]
    published: int
    database: bool = True
    leaves: int = 0
    events: int = 0
    _edge: Edge = field(default_factory=Edge)
    _faults: list[Fault] = field(default_factory=list)
    _strays: dict[bytes, int] = field(default_factory=dict)
    _true: dict[bytes, int] = field(default_factory=dict)
    _erased: dict[UUID, int] = field(default_factory=dict)
    _recorded: set[str] = field(default_factory=set)
    _broken: bool = False
    _at: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for where, checkpoint in self.signed:
            self._at.setdefault(checkpoint.size, []).append((where, checkpoint.root))

    def add(self, fault: Fault) -> None:
        """A fault that the caller found."""
        self._faults.append(fault)

    def width(self, first: int) -> int:
        """How many hashes the published tile of level 0 from leaf `first` on holds; 0 where there is none."""
        return max(0, min(WIDTH, self.published - first))

    def run(
        self, first: int, rows: Sequence[LeafRow], bundle: bytes | None, tile: bytes | None
    ) -> list[tuple[Tile, bytes]]:
        """The next at most 256 leaves; the published tiles above level 0 that must now stand, with their bytes."""
        width = self.width(first)
        entries = self._bundle(Bundle(first // WIDTH, width), bundle) if width else None
        hashes = self._level_0(Tile(0, first // WIDTH, width), tile) if width else None
        held = {row.index: row for row in rows}
        last = max([first + width, *(index + 1 for index in held)])
        believed: list[bytes] = []
        bad_bundle = bad_tile = False
        for index in range(first, last):
            row, at = held.get(index), index - first
            shown = entries[at] if entries is not None and at < width else None
            hashed = hashes[at] if hashes is not None and at < width else None
            entry, blamed = _believed(row.entry if row else None, shown, hashed)
            bad_bundle |= "bundle" in blamed
            bad_tile |= "tile" in blamed
            if self.database and row is None:
                self.add(Fault("leaf-missing", index))
            elif row is not None:
                self._row(row, entry, altered="row" in blamed)
            if entry is None:
                self._broken = True
                break
            believed.append(entry)
        if bad_bundle:
            self.add(Fault("tile-altered", first, Bundle(first // WIDTH, width).path))
        if bad_tile:
            self.add(Fault("tile-altered", first, Tile(0, first // WIDTH, width).path))
        return self._grow(believed)

    def tile(self, tile: Tile, expected: bytes, found: bytes | None) -> None:
        """A published tile above level 0."""
        if found != expected:
            self.add(Fault("tile-missing" if found is None else "tile-altered", tile.number, tile.path))

    def finish(self) -> tuple[Fault, ...]:
        """Every fault found, the first hundred."""
        size = self._edge.size
        if not self._broken:
            for where, checkpoint in self.signed:
                if checkpoint.size > size:
                    self.add(Fault("checkpoint-beyond-leaves", checkpoint.size, where))
        if self.database and self.leaves < self.published:
            self._faults.insert(0, Fault("database-older", self.leaves, str(self.published)))
        for event, index in self._erased.items():
            if str(event) not in self._recorded:
                self.add(Fault("event-erased-unlogged", index, str(event)))
        moved = {self._strays[entry]: at for entry, at in self._true.items() if entry in self._strays}
        named = [
            Fault("leaf-moved", fault.at, str(moved[fault.at]))
            if fault.code == "leaf-altered" and fault.at in moved
            else fault
            for fault in self._faults
        ]
        return tuple(named[:MOST_TOLD])

    def _row(self, row: LeafRow, entry: bytes | None, *, altered: bool) -> None:
        self.leaves += 1
        if altered and entry is not None:
            self.add(Fault("leaf-altered", row.index))
            if len(self._strays) < 10 * MOST_TOLD:
                self._strays[row.entry] = row.index
                self._true[entry] = row.index
        if row.event is None or not row.found:
            self.add(Fault("event-missing", row.index, str(row.event or "")))
        elif row.body is None or row.salt is None:
            self._erased[row.event] = row.index
        else:
            self.events += 1
            if len(row.salt) != HASH or entry_hash(row.salt, row.body) not in (row.entry, entry):
                self.add(Fault("event-altered", row.index, str(row.event)))
            elif ERASED.encode() in row.body:
                self._recorded.add(_erasure(row.body))

    def _grow(self, entries: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        made: list[tuple[Tile | Bundle, bytes]] = []
        if self._edge.size == 0:
            self._roots()
        for entry in entries:
            made += self._edge.append([entry])
            self._roots()
            if self._edge.size == self.published:
                made += self._edge.partial()
        return [
            (place, data)
            for place, data in made
            if isinstance(place, Tile)
            and place.level
            and (place.number * WIDTH + place.width) << 8 * place.level <= self.published
        ]

    def _roots(self) -> None:
        for where, root in self._at.get(self._edge.size, ()):
            if root != self._edge.root:
                self.add(Fault("checkpoint-root", self._edge.size, where))

    def _bundle(self, bundle: Bundle, data: bytes | None) -> list[bytes] | None:
        try:
            if data is not None:
                return parse_bundle(data, bundle.width)
        except TileInvalid:
            self.add(Fault("tile-altered", bundle.number * WIDTH, bundle.path))
        else:
            self.add(Fault("tile-missing", bundle.number * WIDTH, bundle.path))
        return None

    def _level_0(self, tile: Tile, data: bytes | None) -> list[bytes] | None:
        if data is None or len(data) != tile.width * HASH:
            self.add(Fault("tile-missing" if data is None else "tile-altered", tile.number * WIDTH, tile.path))
            return None
        return [data[at : at + HASH] for at in range(0, len(data), HASH)]


def _believed(row: bytes | None, shown: bytes | None, hashed: bytes | None) -> tuple[bytes | None, set[str]]:
    """The entry that two of row, bundle and tile agree on (or all that is there), and who is against it."""
    if row is not None and row == shown:
        return row, {"tile"} if hashed is not None and leaf_hash(row) != hashed else set()
    if shown is not None and hashed is not None and leaf_hash(shown) == hashed:
        return shown, {"row"} if row is not None else set()
    if row is not None and hashed is not None and leaf_hash(row) == hashed:
        return row, {"bundle"} if shown is not None else set()
    blamed = {name for name, value in (("row", row), ("bundle", shown), ("tile", hashed)) if value is not None}
    entry = shown if shown is not None else row
    return entry, blamed if len(blamed) > 1 else set()


def _erasure(body: bytes) -> str:
    try:
        match strict_json.parse(body, max_bytes=len(body)):
            case {"type": str(type_), "event": str(event)} if type_ == ERASED:
                return event
    except ValueError:
        return ""
    return ""
