"""The right edge of a growing tree: all that the next append has to know of the past."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from strongroom.ledger.merkle import HASH_SIZE, Node, fold, subtrees
from strongroom.ledger.tiles import ENTRIES, HEIGHT, WIDTH, Tile

_FULL: Final = WIDTH * HASH_SIZE
Named = tuple[Tile, bytes]
"""A tile or bundle and its bytes."""


class Edge:
    """Peaks of the tree, and the tiles that are not full yet. Grows by `extend`.

    Each new leaf is hashed once, and each node above it once, when its right half is complete.
    """

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._peaks: list[bytes] = []
        """Roots of the perfect subtrees, from left to right."""
        self._tails: list[bytearray] = [bytearray()]
        """Hashes in the partial tile of each level."""
        self._bundle = bytearray()

    @classmethod
    def at(cls, size: int, node: Node, bundle: bytes) -> Edge:
        """The edge of an existing tree; `bundle` holds the entries of its partial level-0 tile."""
        edge = cls(size)
        edge._peaks = [node(height, index) for height, index in subtrees(0, size)]
        edge._bundle += bundle
        edge._tails = []
        count, level = size, 0
        while count or level == 0:
            first = count - count % WIDTH
            tail = bytearray().join(node(level * HEIGHT, i) for i in range(first, count))
            edge._tails.append(tail)
            count, level = count // WIDTH, level + 1
        return edge

    @property
    def root(self) -> bytes:
        """Of the tree as it is now."""
        return fold(self._peaks)

    def extend(self, entries: Iterable[bytes]) -> list[Named]:
        """Append entries; gives the tiles and bundles that became full by it."""
        finished: list[Named] = []
        for entry in entries:
            self._bundle += len(entry).to_bytes(2, "big") + entry
            self._add(sha256(b"\0" + entry).digest())
            self.size += 1
            if self.size % WIDTH == 0:
                self._finish(finished)
        return finished

    def partial(self) -> list[Named]:
        """The tiles and the bundle that are not full, as they are now."""
        width = self.size % WIDTH
        made = [(Tile(ENTRIES, self.size // WIDTH, width), bytes(self._bundle))] if width else []
        for level, tail in enumerate(self._tails):
            if tail:
                index = (self.size >> (HEIGHT * level)) // WIDTH
                made.append((Tile(level, index, len(tail) // HASH_SIZE), bytes(tail)))
        return made

    def _add(self, leaf: bytes) -> None:
        self._tails[0] += leaf
        peaks, right, height, rest = self._peaks, leaf, 0, self.size
        while rest & 1:
            right = sha256(b"\1" + peaks.pop() + right).digest()
            rest >>= 1
            height += 1
            if height % HEIGHT == 0:
                level = height // HEIGHT
                if level == len(self._tails):
                    self._tails.append(bytearray())
                self._tails[level] += right
        peaks.append(right)

    def _finish(self, finished: list[Named]) -> None:
        """Hand over the bundle and each tile that the last leaf filled."""
        finished.append((Tile(ENTRIES, self.size // WIDTH - 1), bytes(self._bundle)))
        self._bundle.clear()
        for level, tail in enumerate(self._tails):
            if len(tail) < _FULL:
                break
            index = (self.size >> (HEIGHT * (level + 1))) - 1
            finished.append((Tile(level, index), bytes(tail)))
            tail.clear()
