"""The directory of a 7z archive. Format: 7zFormat.txt of the LZMA SDK (public domain).

Only what finding the files needs: names, sizes, and how each folder of data is packed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from strongroom.assess.scanner.stream import Truncated

HEADER: Final = 16 * 2**20
"""Longest directory that is read, in bytes."""
COUNT: Final = 100_000
"""Most files, folders and streams."""


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of unpacking: method id and its properties."""

    method: bytes
    properties: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Data that is packed together."""

    coders: tuple[Coder, ...]
    """In the order in which they packed: the last one's output is what lies in the file."""
    simple: bool
    """One packed stream through a chain of coders."""
    unpacked: int
    """Bytes after the last coder."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where packed data lies and how it unpacks."""

    offset: int
    """From the end of the signature header."""
    packed: tuple[int, ...]
    """Sizes of the packed streams."""
    folders: tuple[Folder, ...]
    files: tuple[tuple[int, ...], ...]
    """Sizes of the files in each folder."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole directory."""

    streams: Streams | None
    names: tuple[str, ...]
    """Of the files that have data, in order."""


class Reader:
    """Numbers and bytes of a directory."""

    def __init__(self, data: bytes) -> None:
        self._data = BytesIO(data)

    def take(self, count: int) -> bytes:
        """Exactly so many bytes. Raises Truncated."""
        data = self._data.read(count) if 0 <= count <= HEADER else b""
        if len(data) != count:
            raise Truncated
        return data

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number whose first byte says by its leading ones how many more follow."""
        first, value = self.byte(), 0
        for index in range(8):
            mask = 0x80 >> index
            if not first & mask:
                return value | (first & (mask - 1)) << 8 * index
            value |= self.byte() << 8 * index
        return value

    def count(self) -> int:
        """A number of things, within reason."""
        value = self.number()
        if value > COUNT:
            raise Truncated
        return value

    def bits(self, count: int) -> list[bool]:
        """A vector of bits."""
        data = self.take((count + 7) // 8)
        return [bool(data[i // 8] & 0x80 >> i % 8) for i in range(count)]

    def some_bits(self, count: int) -> list[bool]:
        """The same, where one byte may say that all are set."""
        return [True] * count if self.byte() else self.bits(count)


def listing(data: bytes) -> Listing | Streams:
    """Read a header; an encoded one gives the streams that hold the real header."""
    reader = Reader(data)
    kind = reader.byte()
    if kind == 0x17:
        return _streams(reader)
    if kind != 0x01:
        raise Truncated
    streams: Streams | None = None
    names: list[str] = []
    while (part := reader.byte()) != 0x00:
        if part == 0x04:
            streams = _streams(reader)
        elif part == 0x05:
            names = _files(reader)
        elif part == 0x02:
            while reader.byte():
                reader.take(reader.number())
        elif part == 0x03:
            _streams(reader)
        else:
            raise Truncated
    return Listing(streams, tuple(names))


def _streams(reader: Reader) -> Streams:
    offset = 0
    packed: list[int] = []
    folders: list[Folder] = []
    files: list[tuple[int, ...]] | None = None
    while (part := reader.byte()) != 0x00:
        if part == 0x06:
            offset, packed = _pack_info(reader)
        elif part == 0x07:
            folders = _folders(reader)
        elif part == 0x08:
            files = _substreams(reader, folders)
        else:
            raise Truncated
    sizes = tuple((f.unpacked,) for f in folders) if files is None else tuple(files)
    return Streams(offset, tuple(packed), tuple(folders), sizes)


def _pack_info(reader: Reader) -> tuple[int, list[int]]:
    offset, count = reader.number(), reader.count()
    sizes: list[int] = []
    while (part := reader.byte()) != 0x00:
        if part == 0x09:
            sizes = [reader.number() for _ in range(count)]
        elif part == 0x0A:
            _digests(reader, count)
        else:
            raise Truncated
    return offset, sizes


def _digests(reader: Reader, count: int) -> list[bool]:
    known = reader.some_bits(count)
    reader.take(4 * sum(known))
    return known


def _folders(reader: Reader) -> list[Folder]:
    if reader.byte() != 0x0B:
        raise Truncated
    count = reader.count()
    if reader.byte():
        raise Truncated
    shapes = [_coders(reader) for _ in range(count)]
    if reader.byte() != 0x0C:
        raise Truncated
    sizes = [[reader.number() for _ in range(max(len(coders), 1))] for coders, _, _ in shapes]
    while (part := reader.byte()) != 0x00:
        if part != 0x0A:
            raise Truncated
        _digests(reader, count)
    return [
        Folder(coders, simple, size[0] if forward else size[-1])
        for (coders, simple, forward), size in zip(shapes, sizes, strict=True)
    ]


def _coders(reader: Reader) -> tuple[tuple[Coder, ...], bool, bool]:
    """Coders in packing order, whether they are a plain chain, and whether they stood in order.

    A coder with several outputs is not plain, and has not been written for a decade.
    """
    coders, inputs, outputs = [], 0, 0
    for _ in range(reader.count()):
        flags = reader.byte()
        method = reader.take(flags & 0x0F)
        ins, outs = (reader.count(), reader.count()) if flags & 0x10 else (1, 1)
        properties = reader.take(reader.number()) if flags & 0x20 else b""
        coders.append(Coder(method, properties))
        inputs, outputs = inputs + ins, outputs + outs
    pairs = [(reader.number(), reader.number()) for _ in range(max(outputs - 1, 0))]
    loose = inputs - len(pairs)
    if loose > 1:
        for _ in range(loose):
            reader.number()
    if outputs != len(coders):
        raise Truncated
    forward = all(a == b - 1 for a, b in pairs)
    backward = all(a == b + 1 for a, b in pairs)
    simple = inputs == outputs and loose == 1 and (forward or backward)
    return tuple(coders if forward else reversed(coders)), simple, forward


def _substreams(reader: Reader, folders: list[Folder]) -> list[tuple[int, ...]]:
    counts, part = [1] * len(folders), reader.byte()
    if part == 0x0D:
        counts = [reader.count() for _ in folders]
        part = reader.byte()
    sizes: list[tuple[int, ...]] = []
    for folder, count in zip(folders, counts, strict=True):
        some = [reader.number() for _ in range(count - 1)] if part == 0x09 else []
        last = folder.unpacked - sum(some)
        if last < 0 or (part != 0x09 and count > 1):
            raise Truncated
        sizes.append((*some, last) if count else ())
    if part == 0x09:
        part = reader.byte()
    while part != 0x00:
        if part != 0x0A:
            raise Truncated
        _digests(reader, sum(counts))
        part = reader.byte()
    return sizes


def _files(reader: Reader) -> list[str]:
    count = reader.count()
    names, empty = [""] * count, [False] * count
    while (part := reader.number()) != 0x00:
        inner = Reader(reader.take(reader.number()))
        if part == 0x0E:
            empty = inner.bits(count)
        elif part == 0x11 and not inner.byte():
            names = [_name(inner.take) for _ in range(count)]
    return [name for name, nothing in zip(names, empty, strict=True) if not nothing]


def _name(take: Callable[[int], bytes]) -> str:
    raw = b""
    while (unit := take(2)) != b"\0\0":
        raw += unit
        if len(raw) > 8192:
            raise Truncated
    return raw.decode("utf-16-le", "replace")
