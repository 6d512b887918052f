"""Reading the tiles of a log: from its folder as any C2SP client would, newer ones from memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.merkle import HASH_SIZE, perfect_levels
from strongroom.ledger.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    Tile,
    covering,
    decode_bundle,
    split_hashes,
)

CHECKPOINT: Final = "checkpoint"
JOURNAL: Final = "journal"
LOCK: Final = "lock"
KEY: Final = "verifier-key"
_KEPT: Final = 64
"""Tiles whose nodes are kept in memory: about 30 kB each."""


class Snapshot:
    """The log in `folder` at one size. What it reads is not verified: the caller has the root."""

    def __init__(self, folder: Path, size: int, newer: Mapping[Tile, bytes] | None = None) -> None:
        self.folder = folder
        self.size = size
        self._newer = newer or {}
        """Tiles that the journal makes, whether or not they are published."""
        self._levels: dict[Tile, list[list[bytes]]] = {}

    def node(self, height: int, index: int) -> bytes:
        """The hash of a perfect subtree (a merkle.Node). Raises IntegrityError."""
        level, above = divmod(height, HEIGHT)
        position = index << above
        tile = covering(level, position, self.size)
        return self._nodes(tile)[above][position % WIDTH >> above]

    def hashes(self, tile: Tile) -> list[bytes]:
        """The hashes in one tile. Raises IntegrityError."""
        return self._nodes(tile)[0]

    def entries(self, bundle: int) -> list[bytes]:
        """The entries of one bundle. Raises IntegrityError."""
        tile = covering(ENTRIES, bundle * WIDTH, self.size)
        found = decode_bundle(self.read(tile), where=str(self.folder / tile.path))
        if len(found) < tile.width:
            raise IntegrityError("bundle is too short", where=str(self.folder / tile.path))
        return found[: tile.width]

    def read(self, tile: Tile) -> bytes:
        """The bytes of a tile, or of the full one that has taken its place since."""
        if tile in self._newer:
            return self._newer[tile]
        for path in (self.folder / tile.path, self.folder / tile.full.path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                continue
        raise IntegrityError("is missing", where=str(self.folder / tile.path))

    def outgrown(self, tile: Tile) -> bool:
        """Whether only the full tile is left of a partial one."""
        return tile != tile.full and not (self.folder / tile.path).exists()

    def _nodes(self, tile: Tile) -> list[list[bytes]]:
        found = self._levels.get(tile)
        if found is None:
            data = self.read(tile)[: tile.width * HASH_SIZE]
            if len(data) < tile.width * HASH_SIZE:
                raise IntegrityError("tile is too short", where=str(self.folder / tile.path))
            if len(self._levels) >= _KEPT:
                self._levels.pop(next(iter(self._levels)), None)
            found = self._levels[tile] = perfect_levels(split_hashes(data))
        return found
