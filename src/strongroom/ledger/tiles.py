"""The C2SP tlog-tiles layout: how tiles are named, how entry bundles are written.

A tile holds up to 256 consecutive hashes of 32 bytes. At level 0 they are leaf hashes, at each
level above the hashes of full tiles below. An entry bundle holds the entries of one level-0 tile,
each behind its length as a big-endian uint16.

Source: c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.merkle import HASH_SIZE

WIDTH: Final = 256
"""Hashes in a full tile, entries in a full bundle."""
HEIGHT: Final = 8
"""Levels of the tree in one tile: 2**8 = 256."""
ENTRIES: Final = -1
"""The level of entry bundles, which stand below the leaf hashes."""
MAX_ENTRY: Final = 2**16 - 1
"""Bytes in one entry: what a uint16 can count."""

_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The name of one tile or entry bundle."""

    level: int
    """0 for leaf hashes, and upwards; ENTRIES for a bundle."""
    index: int
    width: int = WIDTH
    """How many hashes or entries: below 256 it is partial."""

    @property
    def path(self) -> str:
        """Relative to the log's folder or URL: `tile/0/x001/x234/067`, `tile/entries/000.p/17`."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-len(digits) // 3 * -3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{number}{partial}"

    @property
    def full(self) -> Tile:
        """The full tile that this one is, or grows into."""
        return Tile(self.level, self.index)

    @property
    def first(self) -> int:
        """The index of the first entry that it covers."""
        return self.index * span(self.level) * WIDTH

    @property
    def stop(self) -> int:
        """The index after the last entry that it covers."""
        return self.first + self.width * span(self.level)

    @classmethod
    def parse(cls, path: str) -> Tile | None:
        """Read a path back; None for what is not the one right path of a tile."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level, number, width = match.groups()
        index = int(number.replace("x", "").replace("/", ""))
        tile = cls(
            ENTRIES if level == "entries" else int(level), index, WIDTH if not width else int(width)
        )
        return tile if tile.path == path else None


def span(level: int) -> int:
    """How many entries one hash (or entry) of a level covers: 1, 1, 256, 65536, …"""
    return 1 << (HEIGHT * max(level, 0))


def tiles_of(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Every tile and bundle of a tree of `size` entries that a tree of `since` does not have."""
    level, count, before = ENTRIES, size, since
    while count:
        for index in range(before // WIDTH, count // WIDTH):
            yield Tile(level, index)
        if count % WIDTH and count != before:
            yield Tile(level, count // WIDTH, count % WIDTH)
        if level >= 0:
            count, before = count // WIDTH, before // WIDTH
        level += 1


def covering(level: int, position: int, size: int) -> Tile:
    """The tile that holds the hash (or entry) at `position` of a level in a tree of `size`."""
    count = size // span(level)
    index = position // WIDTH
    return Tile(level, index, min(WIDTH, count - index * WIDTH))


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes in a tile."""
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each behind its length. They must have MAX_ENTRY bytes at most."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def decode_bundle(data: bytes, *, where: str) -> list[bytes]:
    """The entries of a bundle. Raises IntegrityError where the lengths do not add up."""
    entries, rest = _decode(data)
    if rest != len(data):
        raise IntegrityError(f"bundle breaks off at byte {rest}", where=where)
    return entries


def decode_as_far(data: bytes) -> list[bytes]:
    """The entries that can be read, of a bundle that may be damaged."""
    return _decode(data)[0]


def _decode(data: bytes) -> tuple[list[bytes], int]:
    entries, at, end = [], 0, len(data)
    while at + 2 <= end:
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if stop > end:
            break
        entries.append(data[at + 2 : stop])
        at = stop
    return entries, at
