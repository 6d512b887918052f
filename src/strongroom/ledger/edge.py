"""The right edge of a growing tree: all that the next append has to know of the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise
from struct import Struct
from typing import Final

from strongroom.ledger.merkle import fold
from strongroom.ledger.tiles import ENTRIES, HEIGHT, WIDTH, Tile, span

Hashes = Callable[[Tile], Sequence[bytes]]
"""Reads the hashes in a tile."""
Named = tuple[Tile, bytes]
"""A tile or bundle and its bytes."""
_LENGTH: Final = Struct(">H").pack


class Edge:
    """The tiles that are not full yet, and the nodes in them. Grows by `extend`.

    Each leaf is hashed once, and each node above it once, when its right half is complete.
    """

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._open: list[list[list[bytes]]] = [_empty()]
        """For each level of tiles the open one: its hashes, and above them its complete nodes."""
        self._framed: list[bytes] = []
        """The entries of the open bundle, each behind its length."""

    @classmethod
    def at(cls, size: int, hashes: Hashes, bundle: Sequence[bytes]) -> Edge:
        """The edge of an existing tree: `hashes` reads its tiles, `bundle` has its last entries."""
        edge = cls(size)
        edge._framed = frames(bundle)
        level = 0
        while (count := size // span(level)) or level == 0:
            if level:
                edge._open.append(_empty())
            if width := count % WIDTH:
                _grow(edge._open[level], hashes(Tile(level, count // WIDTH, width)))
            level += 1
        return edge

    @property
    def root(self) -> bytes:
        """Of the tree as it is now."""
        return fold(
            [
                nodes[-1]
                for levels in reversed(self._open)
                for height, nodes in reversed(list(enumerate(levels)))
                if len(levels[0]) >> height & 1
            ]
        )

    def extend(self, framed: Sequence[bytes], leaves: Sequence[bytes]) -> list[Named]:
        """Append entries, each behind its length, and their leaf hashes.

        Gives the tiles and bundles that became full by it.
        """
        finished: list[Named] = []
        at = 0
        while at < len(leaves):
            room = WIDTH - self.size % WIDTH
            chunk = leaves[at : at + room]
            self._framed += framed[at : at + room]
            self.size += len(chunk)
            at += room
            _grow(self._open[0], chunk)
            if self.size % WIDTH == 0:
                self._finish(finished)
        return finished

    def partial(self) -> list[Named]:
        """The bundle and the tiles that are not full, as they are now."""
        width = self.size % WIDTH
        bundle = Tile(ENTRIES, self.size // WIDTH, width)
        made = [(bundle, b"".join(self._framed))] if width else []
        for level, (hashes, *_) in enumerate(self._open):
            if hashes:
                index = self.size // span(level) // WIDTH
                made.append((Tile(level, index, len(hashes)), b"".join(hashes)))
        return made

    def _finish(self, finished: list[Named]) -> None:
        """Hand over the bundle, and each tile that the last leaf filled."""
        finished.append((Tile(ENTRIES, self.size // WIDTH - 1), b"".join(self._framed)))
        self._framed = []
        level = 0
        while len((levels := self._open[level])[0]) == WIDTH:
            index = self.size // span(level + 1) - 1
            finished.append((Tile(level, index), b"".join(levels[0])))
            self._open[level] = _empty()
            level += 1
            if level == len(self._open):
                self._open.append(_empty())
            _grow(self._open[level], levels[HEIGHT])


def frames(entries: Sequence[bytes]) -> list[bytes]:
    """Entries, each behind its length, as they stand in bundles."""
    return [_LENGTH(len(entry)) + entry for entry in entries]


def _empty() -> list[list[bytes]]:
    return [[] for _ in range(HEIGHT + 1)]


def _grow(levels: list[list[bytes]], hashes: Sequence[bytes]) -> None:
    """Add hashes to a tile, and the nodes that they complete."""
    levels[0] += hashes
    for below, above in pairwise(levels):
        start, stop = 2 * len(above), len(below) & ~1
        if start == stop:
            return
        above += [
            sha256(b"\1" + left + right).digest()
            for left, right in zip(below[start:stop:2], below[start + 1 : stop : 2], strict=True)
        ]
