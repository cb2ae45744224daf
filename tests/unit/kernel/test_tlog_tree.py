"""Merkle proofs: against the published eight-leaf tree, a naive tree, and every corruption that once fooled a verifier."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.tlog.tree import (
    EMPTY_ROOT,
    MAX_SIZE,
    Node,
    ProofInvalid,
    consistency_ranges,
    entry_hash,
    inclusion_ranges,
    leaf_hash,
    range_hash,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves that Certificate Transparency implementations have shared since RFC 6962, and their roots.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
SOME = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 §2.1.1, written from its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def naive_subproof(old: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """RFC 9162 §2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if old <= split:
        return [*naive_subproof(old, leaves[:split], whole), naive_root(leaves[split:])]
    return [*naive_subproof(old - split, leaves[split:], False), naive_root(leaves[:split])]


def reader(leaves: Sequence[bytes]) -> Callable[[Node], bytes]:
    return lambda node: naive_root(leaves[node.number << node.level : (node.number + 1) << node.level])


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    return [range_hash(start, end, reader(leaves)) for start, end in inclusion_ranges(index, len(leaves))]


def consistency(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    return [range_hash(start, end, reader(leaves)) for start, end in consistency_ranges(old, len(leaves))]


HASHED = [leaf_hash(leaf) for leaf in LEAVES]


def test_the_published_roots() -> None:
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT
    for size, root in enumerate(ROOTS, 1):
        assert range_hash(0, size, reader(HASHED)) == root


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_an_inclusion_path_is_that_of_the_definition(place: tuple[int, int]) -> None:
    size, index = place
    leaves = [leaf_hash(bytes([at])) for at in range(size)]
    path = inclusion(index, leaves)
    assert path == naive_path(index, leaves)
    verify_inclusion(index, size, leaves[index], path, naive_root(leaves))


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size))))
def test_a_consistency_path_is_that_of_the_definition(place: tuple[int, int]) -> None:
    new, old = place
    leaves = [leaf_hash(bytes([at])) for at in range(new)]
    path = consistency(old, leaves)
    assert path == (naive_subproof(old, leaves, True) if old else [])
    verify_consistency(old, new, naive_root(leaves[:old]), naive_root(leaves), path)


def corrupt_paths(path: Sequence[bytes], *roots: bytes) -> Iterator[list[bytes]]:
    """Garbage before, behind and within; a hash too few; an empty hash."""
    for extra in (b"", *roots, *path[:1]):
        yield [extra, *path]
        yield [*path, extra]
    for at in range(len(path)):
        yield [*path[:at], bytes([path[at][0] ^ 8]) + path[at][1:], *path[at + 1 :]]
        yield [*path[:at], b"", *path[at + 1 :]]
    if path:
        yield list(path[:-1])
        yield list(path[1:])
        yield [path[0], SOME, *path[1:]]
        yield []


@pytest.mark.parametrize("size", range(1, 9))
def test_no_corruption_of_an_inclusion_proof_passes(size: int) -> None:
    for index in range(size):
        path, root, leaf = inclusion(index, HASHED[:size]), ROOTS[size - 1], HASHED[index]
        verify_inclusion(index, size, leaf, path, root)
        wrong_places = [(index - 1, size), (index + 1, size), (index ^ 2, size), (index, size * 2), (index, size // 2)]
        wrong_places += [(index, size + (1 << 40)), (index + size, size), (-1, size), (index, MAX_SIZE + 1)]
        for at, of in wrong_places:
            with pytest.raises(ProofInvalid):
                verify_inclusion(at, of, leaf, path, root)
        for bad_leaf, bad_root in (
            (b"", root),
            (SOME, root),
            (leaf, b""),
            (leaf, EMPTY_ROOT),
            (leaf, SOME),
            (b"", b""),
        ):
            with pytest.raises(ProofInvalid):
                verify_inclusion(index, size, bad_leaf, path, bad_root)
        for bad_path in corrupt_paths(path, root):
            with pytest.raises(ProofInvalid):
                verify_inclusion(index, size, leaf, bad_path, root)


@pytest.mark.parametrize("new", range(2, 9))
def test_no_corruption_of_a_consistency_proof_passes(new: int) -> None:
    for old in range(1, new):
        path, before, after = consistency(old, HASHED[:new]), ROOTS[old - 1], ROOTS[new - 1]
        verify_consistency(old, new, before, after, path)
        wrong_sizes = [(old - 1, new), (old + 1, new), (old ^ 2, new), (old, new * 2), (old, new // 2), (new, old)]
        for first, second in wrong_sizes:
            with pytest.raises(ProofInvalid):
                verify_consistency(first, second, before, after, path)
        for bad_before, bad_after in ((b"", after), (before, b""), (after, before), (SOME, after), (before, SOME)):
            with pytest.raises(ProofInvalid):
                verify_consistency(old, new, bad_before, bad_after, path)
        for bad_path in corrupt_paths(path, before, after):
            with pytest.raises(ProofInvalid):
                verify_consistency(old, new, before, after, bad_path)


@pytest.mark.parametrize(
    ("old", "new", "before", "after", "path"),
    [
        (0, 0, SOME, SOME, []),  # an empty tree has one root
        (0, 0, EMPTY_ROOT, SOME, []),
        (0, 1, SOME, SOME, []),
        (0, 1, EMPTY_ROOT, SOME, [EMPTY_ROOT]),
        (1, 1, EMPTY_ROOT, SOME, []),
        (1, 1, SOME, SOME, [EMPTY_ROOT]),
        (1, 0, SOME, EMPTY_ROOT, []),
        (2, 1, SOME, SOME, []),
        (1, 2, SOME, SOME, []),
        (-1, 2, SOME, SOME, []),
        (0, 0, b"", b"", []),
    ],
)
def test_what_is_no_consistency_at_all(old: int, new: int, before: bytes, after: bytes, path: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        verify_consistency(old, new, before, after, path)


def test_every_tree_continues_the_empty_one() -> None:
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verify_consistency(0, 5, EMPTY_ROOT, ROOTS[4], [])
    verify_consistency(3, 3, ROOTS[2], ROOTS[2], [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (2, 1), (-1, 3)])
def test_a_tree_without_such_a_leaf_proves_nothing(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid):
        root_from_inclusion(index, size, SOME, [])
    with pytest.raises(ValueError, match="leaf"):
        inclusion_ranges(index, size)


def test_the_tree_of_a_single_leaf_is_that_leaf() -> None:
    verify_inclusion(0, 1, SOME, [], SOME)


def test_a_log_entry_hides_its_event_behind_the_salt() -> None:
    expected = hashlib.sha256(b"nopluu/leaf1\0" + b"s" * 32 + b"{}").digest()
    assert entry_hash(b"s" * 32, b"{}") == expected
    for salt in (b"", b"s" * 31, b"s" * 33):
        with pytest.raises(ValueError, match="salt"):
            entry_hash(salt, b"{}")
