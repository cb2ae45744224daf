"""The Merkle tree: hashes, and proofs that bind the index *and* the size.

A proof is verified against both numbers, every hash must have 32 bytes, and a path must be exactly as long as the
numbers demand; a verifier that forgets one of these accepts forgeries (security register §5).

Source: RFC 9162 §2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

HASH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1

_ENTRY = b"nopluu/leaf1\0"
_SALT = 32


class ProofInvalid(ValueError):
    """The proof does not lead to the root; `reason` is one of a few fixed words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Node(NamedTuple):
    """A complete subtree: 2^level leaves from leaf `number · 2^level` on."""

    level: int
    number: int


def entry_hash(salt: bytes, event: bytes) -> bytes:
    """The log entry of an event: the salt hides what a guess of the event would confirm."""
    if len(salt) != _SALT:
        raise ValueError("a salt has 32 bytes")
    return hashlib.sha256(_ENTRY + salt + event).digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return hashlib.sha256(b"\1" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees of strictly falling size, left to right; the empty root of none."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def complete_subtrees(start: int, end: int) -> list[Node]:
    """The complete subtrees that cover leaves `start … end - 1`, left to right.

    `start` must be a multiple of the largest power of two below `end - start`, as it is for every subtree of RFC 9162.
    """
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def range_hash(start: int, end: int, read: Callable[[Node], bytes]) -> bytes:
    """The hash of the subtree over leaves `start … end - 1`."""
    return fold([read(node) for node in complete_subtrees(start, end)])


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Which subtrees' hashes prove leaf `index` in a tree of `size`, from the leaf's sibling upwards.

    Raises:
        ValueError: no such leaf.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ValueError("no such leaf")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Which subtrees' hashes prove that the tree of size `new` continues the one of size `old` (RFC 9162 §2.1.4.1).

    Raises:
        ValueError: not `0 ≤ old ≤ new`.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ValueError("sizes")
    if old in (0, new):
        return []
    ranges: list[tuple[int, int]] = []
    start, end, known = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, known = middle, False
    if not known:
        ranges.append((start, end))
    return ranges[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion path leads to.

    Raises:
        ProofInvalid: no such leaf in such a tree, or a path or hash of another length.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofInvalid("index beyond the tree")
    _check_hashes((leaf, *path))
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(path) != inner + border:
        raise ProofInvalid("path length")
    root = leaf
    for level, sibling in enumerate(path[:inner]):
        root = node_hash(sibling, root) if index >> level & 1 else node_hash(root, sibling)
    for sibling in path[inner:]:
        root = node_hash(sibling, root)
    return root


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raises ProofInvalid unless the leaf stands at `index` in the tree of exactly this size and root."""
    if root_from_inclusion(index, size, leaf, path) != root:
        raise ProofInvalid("another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raises ProofInvalid unless the new tree continues the old one.

    Nothing is said of the new root where the old tree is empty: every tree continues that one.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofInvalid("sizes")
    _check_hashes((old_root, new_root, *path))
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofInvalid("another root")
    if old == new:
        if path or old_root != new_root:
            raise ProofInvalid("another root")
        return
    if old == 0:
        if path:
            raise ProofInvalid("path length")
        return
    trailing = (old & -old).bit_length() - 1
    inner = (old - 1 ^ new - 1).bit_length() - trailing
    border = (old - 1 >> trailing + inner).bit_count()
    # A power of two is itself a node of the new tree, and its hash need not be sent.
    seed, rest = (old_root, path) if old == 1 << trailing else (path[0] if path else b"", path[1:])
    if len(seed) != HASH or len(rest) != inner + border:
        raise ProofInvalid("path length")
    place = old - 1 >> trailing
    before = after = seed
    for level, sibling in enumerate(rest):
        if level >= inner or place >> level & 1:
            before = node_hash(sibling, before)
            after = node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    if before != old_root or after != new_root:
        raise ProofInvalid("another root")


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(entry) != HASH for entry in hashes):
        raise ProofInvalid("hash length")
