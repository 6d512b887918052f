"""The tree as the entries alone make it, whatever the tiles say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.merkle import leaf_hashes, perfect_levels
from strongroom.ledger.reading import Snapshot
from strongroom.ledger.tiles import ENTRIES, HEIGHT, WIDTH, Tile, covering, decode_as_far

NO_ENTRY = b"\0" * 32
"""Stands for the leaf hash of an entry that cannot be read; no entry hashes to it."""


class Derived:
    """Hashes derived from the entry bundles of a log at one size.

    Holds the hash of each full level-0 tile and of all above (about 70 bytes for 256 entries); leaf
    hashes are derived from their bundle again when they are asked for.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        self._snapshot = Snapshot(folder, size)
        self._levels: list[list[bytes]] = [[]]
        """From level 1: the hashes that the tiles of that level should hold."""
        self._last: tuple[int, list[bytes]] = (-1, [])

    def leaves(self) -> Iterator[tuple[Tile, list[bytes], str | None]]:
        """Derive all, bundle by bundle: its name, its leaf hashes, what is wrong with its form."""
        for index in range(-(-self.size // WIDTH)):
            tile = covering(ENTRIES, index * WIDTH, self.size)
            leaves, fault = self._bundle(tile)
            yield tile, leaves, fault
            if tile.width == WIDTH:
                self._add(1, perfect_levels(leaves)[HEIGHT][0])

    def hashes(self, tile: Tile) -> list[bytes]:
        """What a tile should hold, a bundle as leaf hashes. Needs `leaves` to have run."""
        first = tile.index * WIDTH
        if tile.level <= 0:
            return self._leaves_of(tile.index)[: tile.width]
        return self._levels[tile.level - 1][first : first + tile.width]

    def node(self, height: int, index: int) -> bytes:
        """The hash of a perfect subtree (a merkle.Node). Needs `leaves` to have run."""
        level, above = divmod(height, HEIGHT)
        position = index << above
        tile = covering(level, position, self.size)
        at = position % WIDTH
        hashes = self.hashes(tile)[at : at + (1 << above)]
        return perfect_levels(hashes)[above][0]

    def _add(self, level: int, digest: bytes) -> None:
        if level > len(self._levels):
            self._levels.append([])
        hashes = self._levels[level - 1]
        hashes.append(digest)
        if len(hashes) % WIDTH == 0:
            self._add(level + 1, perfect_levels(hashes[-WIDTH:])[HEIGHT][0])

    def _leaves_of(self, bundle: int) -> list[bytes]:
        if self._last[0] != bundle:
            tile = covering(ENTRIES, bundle * WIDTH, self.size)
            self._last = (bundle, self._bundle(tile)[0])
        return self._last[1]

    def _bundle(self, tile: Tile) -> tuple[list[bytes], str | None]:
        try:
            data = self._snapshot.read(tile)
        except IntegrityError as error:
            return [NO_ENTRY] * tile.width, error.what
        entries = decode_as_far(data)
        leaves = leaf_hashes(entries[: tile.width])
        fault = None
        if len(leaves) < tile.width:
            fault = f"breaks off after {len(leaves)} of {tile.width} entries"
        elif len(entries) != tile.width and not self._snapshot.outgrown(tile):
            fault = f"holds {len(entries)} entries instead of {tile.width}"
        elif len(data) != sum(2 + len(entry) for entry in entries):
            fault = "goes on after its last entry"
        return leaves + [NO_ENTRY] * (tile.width - len(leaves)), fault
