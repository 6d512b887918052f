"""Names and contents of tiles, after the examples of c2sp.org/tlog-tiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.tiles import (
    ENTRIES,
    Tile,
    covering,
    decode_as_far,
    decode_bundle,
    encode_bundle,
    tiles_of,
)

tiles = st.builds(
    Tile, st.sampled_from([ENTRIES, *range(8)]), st.integers(0, 2**50), st.integers(1, 256)
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 17), "tile/1/999.p/17"),
        (Tile(2, 1000), "tile/2/x001/000"),
        (Tile(ENTRIES, 255, 255), "tile/entries/255.p/255"),
    ],
)
def test_paths_are_written_as_the_specification_has_them(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@given(tiles)
def test_every_path_can_be_read_back(tile):
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1234067",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/017",
        "tile/entries/00",
        "tile/0/x001",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/\u0661\u0661\u0661",
        "tile/0/000\n",
    ],
)
def test_other_spellings_are_no_tiles(path):
    assert Tile.parse(path) is None


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example():
    found = [tile for tile in tiles_of(70_000) if tile.level != ENTRIES]
    full = [(t.level, t.index) for t in found if t.width == 256]
    assert full == [*((0, n) for n in range(273)), (1, 0)]
    assert [t for t in found if t.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it():
    assert list(tiles_of(256)) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]


@given(st.integers(0, 300_000), st.data())
def test_the_tiles_that_are_new_complete_the_old_ones(new, data):
    old = data.draw(st.integers(0, new))
    assert set(tiles_of(new)) <= {*tiles_of(old), *tiles_of(new, since=old)}


@given(st.integers(1, 2**40), st.sampled_from([ENTRIES, 0, 1, 2, 3]), st.data())
def test_each_position_lies_in_a_tile_of_the_tree(size, level, data):
    count = size if level == ENTRIES else size // 256**level
    if count == 0:
        return
    position = data.draw(st.integers(0, count - 1))
    tile = covering(level, position, size)
    assert tile.index * 256 <= position < tile.index * 256 + tile.width <= count


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_back_its_entries(entries):
    assert decode_bundle(encode_bundle(entries), where="bundle") == entries


def test_lengths_are_big_endian():
    assert encode_bundle([b"ab", b"", b"x" * 258])[:8] == b"\0\2ab\0\0\1\2"


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=20), st.data())
def test_a_cut_bundle_is_refused_and_read_as_far_as_it_goes(entries, data):
    whole = encode_bundle(entries)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    found = decode_as_far(cut)
    assert found == entries[: len(found)]
    if encode_bundle(found) != cut:
        with pytest.raises(IntegrityError):
            decode_bundle(cut, where="bundle")
