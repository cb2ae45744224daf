"""Tiles: names, which of them a tree has, and proofs that are read out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.tlog.tiles import (
    Bundle,
    Edge,
    Tile,
    TileInvalid,
    bundle_bytes,
    consistency_path,
    inclusion_path,
    parse_bundle,
    tile_holding,
    tiles_for_consistency,
    tiles_for_inclusion,
    tiles_of,
)
from services.kernel.tlog.tree import EMPTY_ROOT, Node, leaf_hash, verify_consistency, verify_inclusion

from .test_tlog_tree import naive_root

BIG = 66_000  # past 256², so that a tile of level 2 exists


@pytest.fixture(scope="module")
def grown() -> tuple[list[bytes], dict[Tile | Bundle, bytes], dict[int, bytes]]:
    """Entries, every full resource, and the root at each thousandth size and around the tile borders."""
    entries = [index.to_bytes(32) for index in range(BIG)]
    edge = Edge()
    resources: dict[Tile | Bundle, bytes] = {}
    roots = {0: edge.root}
    for entry in entries:
        resources.update(edge.append([entry]))
        if edge.size % 1000 == 0 or edge.size % 256 in (0, 1, 255) or edge.size == BIG:
            roots[edge.size] = edge.root
    resources.update(edge.partial())
    return entries, resources, roots


Grown = tuple[list[bytes], dict[Tile | Bundle, bytes], dict[int, bytes]]


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(3, 1234067), "tile/3/x001/x234/067"),
        (Tile(0, 1000, 5), "tile/0/x001/000.p/5"),
        (Bundle(273, 112), "tile/entries/273.p/112"),
        (Bundle(999999), "tile/entries/x999/999"),
    ],
)
def test_names_are_those_of_the_specification(place: Tile | Bundle, path: str) -> None:
    assert place.path == path


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    tiles = list(tiles_of(70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert [tile for tile in tiles if tile.width < 256 or tile.level] == [
        Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1),
    ]  # fmt: skip
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_growing_gives_exactly_the_tiles_of_the_tree(grown: Grown) -> None:
    _, resources, _ = grown
    assert {tile for tile in resources if isinstance(tile, Tile)} == set(tiles_of(BIG))
    for place, data in resources.items():
        assert len(data) == place.width * (32 if isinstance(place, Tile) else 34)


def test_roots_are_those_of_the_definition(grown: Grown) -> None:
    entries, _, roots = grown
    assert roots[0] == EMPTY_ROOT
    leaves = [leaf_hash(entry) for entry in entries]
    for size in (1, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, BIG):
        assert roots[size] == naive_root(leaves[:size])


@given(data=st.data())
def test_every_leaf_is_proved_from_the_tiles_named_and_no_others(grown: Grown, data: st.DataObject) -> None:
    entries, resources, roots = grown
    index = data.draw(st.integers(0, BIG - 1))
    needed = tiles_for_inclusion(index, BIG)
    path = inclusion_path(index, BIG, {tile: resources[tile] for tile in needed})
    verify_inclusion(index, BIG, leaf_hash(entries[index]), path, roots[BIG])


@given(data=st.data())
def test_every_earlier_tree_is_continued(grown: Grown, data: st.DataObject) -> None:
    _, resources, roots = grown
    old = data.draw(st.sampled_from(sorted(roots)))
    path = consistency_path(old, BIG, {tile: resources[tile] for tile in tiles_for_consistency(old, BIG)})
    verify_consistency(old, BIG, roots[old], roots[BIG], path)


@given(st.integers(1, 700), st.data())
def test_trees_of_every_small_size_prove_their_leaves(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    edge = Edge()
    resources = dict(edge.append(at.to_bytes(32) for at in range(size)))
    resources |= dict(edge.partial())
    tiles = {tile: resources[tile] for tile in tiles_for_inclusion(index, size)}
    verify_inclusion(index, size, leaf_hash(index.to_bytes(32)), inclusion_path(index, size, tiles), edge.root)


def test_a_tile_that_is_missing_or_cut_is_told() -> None:
    edge = Edge()
    list(edge.append(at.to_bytes(32) for at in range(5)))
    (tile, data), *_ = edge.partial()
    assert isinstance(tile, Tile)
    for tiles in ({}, {tile: data[:-1]}, {tile: data + b"\0"}, {Tile(0, 0): data}):
        with pytest.raises(TileInvalid):
            inclusion_path(2, 5, tiles)


@pytest.mark.parametrize("node", [Node(0, 5), Node(1, 2), Node(3, 0), Node(8, 0)])
def test_a_node_beyond_the_tree_has_no_tile(node: Node) -> None:
    with pytest.raises(ValueError, match="no such node"):
        tile_holding(node, 5)


def test_a_bundle_gives_its_entries_back() -> None:
    entries = [bytes([at]) * 32 for at in range(3)]
    data = bundle_bytes(entries)
    assert data[:3] == b"\0\x20\0"
    assert parse_bundle(data, 3) == entries
    for broken in (data[:-1], data + b"\0", b"\0\x21" + data[2:], b""):
        with pytest.raises(TileInvalid):
            parse_bundle(broken, 3)


def test_an_entry_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        list(Edge().append([b"short"]))
