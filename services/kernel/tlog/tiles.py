"""Tiles: how the tree lies in the store, and which tiles a proof needs.

A tile holds up to 256 hashes of one tile level; level 0 are leaf hashes, each hash above is the root of a full tile
below. `Edge` grows a tree leaf by leaf and keeps only its right edge.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.kernel.tlog.tree import (
    HASH,
    Node,
    complete_subtrees,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    range_hash,
)

WIDTH = 256
_HEIGHT = 8
_ENTRY = 32


class TileInvalid(ValueError):
    """A tile's bytes have another length than its name says, or the tile is missing."""


class Tile(NamedTuple):
    """One tile: tile level, number within the level, and how many hashes it holds (1–256)."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`, below the log's prefix."""
        return f"tile/{self.level}/{_digits(self.number)}{_partial(self.width)}"

    @property
    def full(self) -> Tile:
        """The full tile that takes this one's place once it is filled."""
        return Tile(self.level, self.number)


class Bundle(NamedTuple):
    """The entries below one tile of level 0."""

    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/entries/<N>[.p/<W>]`."""
        return f"tile/entries/{_digits(self.number)}{_partial(self.width)}"


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length as u16be."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        TileInvalid: not `width` entries of 32 bytes.
    """
    step = 2 + _ENTRY
    if len(data) != width * step:
        raise TileInvalid("bundle length")
    rows = [data[at : at + step] for at in range(0, len(data), step)]
    if any(row[:2] != _ENTRY.to_bytes(2) for row in rows):
        raise TileInvalid("entry length")
    return [row[2:] for row in rows]


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of this size, full and partial."""
    level, count = 0, size
    while count:
        for number in range(count // WIDTH):
            yield Tile(level, number)
        if count % WIDTH:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level, count = level + 1, count // WIDTH


def tile_holding(node: Node, size: int) -> Tile:
    """The tile of a tree of `size` from which the node's hash is computed."""
    level, inside = divmod(node.level, _HEIGHT)
    number = node.number << inside >> _HEIGHT
    width = min(WIDTH, (size >> _HEIGHT * level) - WIDTH * number)
    if width <= 0 or node.number + 1 << node.level > size:
        raise ValueError("the tree has no such node")
    return Tile(level, number, width)


def tiles_for_inclusion(index: int, size: int) -> list[Tile]:
    """The tiles from which `inclusion_path` reads. Raises ValueError where there is no such leaf."""
    return _tiles(inclusion_ranges(index, size), size)


def tiles_for_consistency(old: int, new: int) -> list[Tile]:
    """The tiles from which `consistency_path` reads. Raises ValueError unless `0 ≤ old ≤ new`."""
    return _tiles(consistency_ranges(old, new), new)


def inclusion_path(index: int, size: int, tiles: Mapping[Tile, bytes]) -> list[bytes]:
    """The path that proves leaf `index` in the tree of `size`. Raises TileInvalid."""
    read = _reader(size, tiles)
    return [range_hash(start, end, read) for start, end in inclusion_ranges(index, size)]


def consistency_path(old: int, new: int, tiles: Mapping[Tile, bytes]) -> list[bytes]:
    """The path that proves that the tree of size `new` continues that of size `old`. Raises TileInvalid."""
    read = _reader(new, tiles)
    return [range_hash(start, end, read) for start, end in consistency_ranges(old, new)]


class Edge:
    """A growing tree of which only the unfinished tiles are in memory."""

    __slots__ = ("_entries", "_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]
        self._entries: list[bytes] = []

    def append(self, entries: Iterable[bytes]) -> Iterator[tuple[Tile | Bundle, bytes]]:
        """Add entries; whatever becomes full is given out, with its bytes. The iterator must be run to its end."""
        for entry in entries:
            if len(entry) != _ENTRY:
                raise ValueError("an entry has 32 bytes")
            self._entries.append(entry)
            self._levels[0].append(leaf_hash(entry))
            self.size += 1
            if len(self._entries) == WIDTH:
                yield from self._close()

    def partial(self) -> list[tuple[Tile | Bundle, bytes]]:
        """The unfinished tiles and the unfinished bundle, with their bytes."""
        found: list[tuple[Tile | Bundle, bytes]] = [
            (Tile(level, self.size >> _HEIGHT * (level + 1), len(hashes)), b"".join(hashes))
            for level, hashes in enumerate(self._levels)
            if hashes
        ]
        if self._entries:
            found.append((Bundle(self.size // WIDTH, len(self._entries)), bundle_bytes(self._entries)))
        return found

    @property
    def root(self) -> bytes:
        """The root hash of the tree as it stands."""
        return fold([subtree for hashes in reversed(self._levels) for subtree in _subtrees(hashes)])

    def _close(self) -> Iterator[tuple[Tile | Bundle, bytes]]:
        yield Bundle(self.size // WIDTH - 1), bundle_bytes(self._entries)
        self._entries = []
        level = 0
        while len(self._levels[level]) == WIDTH:
            hashes = self._levels[level]
            yield Tile(level, (self.size >> _HEIGHT * (level + 1)) - 1), b"".join(hashes)
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(_perfect(hashes))


def _tiles(ranges: Sequence[tuple[int, int]], size: int) -> list[Tile]:
    nodes = (node for start, end in ranges for node in complete_subtrees(start, end))
    return list(dict.fromkeys(tile_holding(node, size) for node in nodes))


def _reader(size: int, tiles: Mapping[Tile, bytes]) -> Callable[[Node], bytes]:
    def read(node: Node) -> bytes:
        tile = tile_holding(node, size)
        data = tiles.get(tile)
        if data is None or len(data) != tile.width * HASH:
            raise TileInvalid("missing" if data is None else "tile length")
        inside = node.level % _HEIGHT
        first = (node.number << inside) - WIDTH * tile.number
        return _perfect([data[at * HASH : at * HASH + HASH] for at in range(first, first + (1 << inside))])

    return read


def _perfect(hashes: Sequence[bytes]) -> bytes:
    """The root over 2^n neighbouring hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _subtrees(hashes: Sequence[bytes]) -> list[bytes]:
    nodes = complete_subtrees(0, len(hashes))
    return [_perfect(hashes[node.number << node.level : (node.number + 1) << node.level]) for node in nodes]


def _digits(number: int) -> str:
    """Three digits a path element, `x` before all but the last."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
