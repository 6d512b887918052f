"""A ZIP reader that believes neither directory nor headers, and says where they disagree.

Loaders read zips in different ways: Python's zipfile trusts the central directory and stops at a
bad checksum or a flag; PyTorch's miniz and others do not. What one sees and another does not is how
payloads get past scanners (CVE-2025-1944, CVE-2025-1945, CVE-2025-10156).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.assess.scanner.formats.compressed import (
    ERRORS,
    Decompressor,
    bzip2,
    deflate,
    zstandard,
)
from strongroom.assess.scanner.formats.ziplzma import ZipLzma
from strongroom.assess.scanner.stream import CHUNK, Bomb, Budget, Seekable, Stream, Truncated
from strongroom.domain.errors import LimitError

_TAIL: Final = 22 + 65535 + 20
_EOCD: Final = struct.Struct("<4s4H2LH")
_EOCD64: Final = struct.Struct("<4sQ2H2L4Q")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
STORED: Final = 0
_METHODS: Final[dict[int, Callable[[], Decompressor]]] = {
    8: deflate,
    12: bzip2,
    14: ZipLzma,
    93: zstandard,
}
NUMBERS: Final = b"\x93NUMPY"
"""How a NumPy array begins: an honest one may be all zeros, which deflate packs 1032 to 1."""
RATIO_FROM: Final = 64 * 2**20
LISTING: Final = 32 * 2**20
"""Longest directory, in bytes."""
MAX: Final = 0xFFFFFFFF
"""Says that the real value stands in the wide field."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive, as the central directory has it."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    """Of the local header."""
    mode: int
    """Unix mode, or 0."""

    @property
    def encrypted(self) -> bool:
        """Whether the directory says so."""
        return bool(self.flags & 1)


@dataclass(frozen=True, slots=True)
class Local:
    """The local header of an entry."""

    name: str
    flags: int
    method: int
    data: int
    """Offset at which the data begins."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The whole central directory."""

    entries: tuple[Entry, ...]
    start: int
    """Offset of the directory."""
    end: int
    """Offset after the end record and its comment."""
    shift: int
    """Bytes that stand before the archive proper."""
    size: int
    """Of the file."""


def find_end(file: Seekable) -> int | None:
    """Offset of the end-of-central-directory record, or None when this is no zip."""
    size = file.seek(0, 2)
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(size - start)
    at = tail.rfind(b"PK\x05\x06")
    return None if at < 0 or len(tail) - at < _EOCD.size else start + at


def directory(file: Seekable, budget: Budget) -> Directory:
    """Read the central directory. Raises Truncated when it makes no sense."""
    end = find_end(file)
    if end is None:
        raise Truncated
    file.seek(end)
    _, _, _, _, count, length, start, comment = _EOCD.unpack(file.read(_EOCD.size))
    if (wide := _zip64(file, end)) is not None:
        count, length, start, at = wide
        shift = at - length - start
    else:
        shift = end - length - start
    if shift < 0:
        raise Truncated
    if length > LISTING:
        raise LimitError(f"a ZIP directory of {length} bytes")
    file.seek(start + shift)
    entries = tuple(_entries(file.read(length), count, shift, budget))
    size = file.seek(0, 2)
    return Directory(entries, start + shift, end + _EOCD.size + comment, shift, size)


def _zip64(file: Seekable, end: int) -> tuple[int, int, int, int] | None:
    """The wide end record, which counts wherever its locator stands before the plain one."""
    file.seek(max(end - 20, 0))
    locator = file.read(20)
    if locator[:4] != b"PK\x06\x07":
        return None
    at = struct.unpack("<Q", locator[8:16])[0]
    file.seek(at)
    record = file.read(_EOCD64.size)
    if len(record) < _EOCD64.size or record[:4] != b"PK\x06\x06":
        raise Truncated
    fields = _EOCD64.unpack(record)
    return fields[7], fields[8], fields[9], at


def _entries(data: bytes, count: int, shift: int, budget: Budget) -> Iterator[Entry]:
    at = 0
    for _ in range(count):
        if len(data) - at < _CENTRAL.size:
            raise Truncated
        f = _CENTRAL.unpack_from(data, at)
        if f[0] != b"PK\x01\x02":
            raise Truncated
        budget.member()
        at += _CENTRAL.size
        raw = data[at : at + f[10]]
        extra = data[at + f[10] : at + f[10] + f[11]]
        at += f[10] + f[11] + f[12]
        size, packed, offset = _wide(extra, f[9], f[8], f[16])
        mode = f[15] >> 16
        yield Entry(_name(raw, f[3]), f[3], f[4], f[7], packed, size, offset + shift, mode)


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset from the zip64 extra field where the plain ones are full."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = iter(struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8]))
            fields = [next(values, (v,))[0] if v == MAX else v for v in (size, packed, offset)]
            return fields[0], fields[1], fields[2]
        at += 4 + length
    return size, packed, offset


def _name(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & 0x800 else "cp437", "replace")


def local_header(file: Seekable, entry: Entry) -> Local:
    """The header that stands before the data. Raises Truncated."""
    file.seek(entry.offset)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != b"PK\x03\x04":
        raise Truncated
    f = _LOCAL.unpack(raw)
    name = file.read(f[9])
    return Local(_name(name, f[2]), f[2], f[3], entry.offset + _LOCAL.size + f[9] + f[10])


class Member:
    """The unpacked bytes of one entry; stored ones can be sought in."""

    def __init__(self, file: Seekable, entry: Entry, start: int, budget: Budget) -> None:
        self._file = file
        self._entry = entry
        self._at = start
        self._start = start
        self._end = start + entry.packed
        self._budget = budget
        self._out = 0
        self._numbers = False
        self._crc = 0
        self._whole = True
        self.damaged: str | None = None
        make = _METHODS.get(entry.method)
        if make is None and entry.method != STORED:
            self.damaged = f"compression method {entry.method} is not supported"
        self._unpack = make() if make else None

    @property
    def stored(self) -> bool:
        """Whether the bytes lie there as they are."""
        return self._entry.method == STORED

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        size = CHUNK if size < 0 else size
        if self.damaged is not None:
            return b""
        unpack = self._unpack
        data = self._packed(size) if unpack is None else self._inflate(unpack, size)
        self._out += len(data)
        if self._whole:
            self._crc = zlib.crc32(data, self._crc)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move, in stored entries."""
        base = {0: self._start, 1: self._at, 2: self._end}[whence]
        self._whole = self._whole and offset == 0 and whence == 0 and self._at == self._start
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        """Where we are, in stored entries."""
        return self._at - self._start

    def crc_differs(self) -> bool:
        """Whether the checksum of the bytes, all of them read in order, is not the declared one."""
        complete = self._whole and self._out == self._entry.size and self.damaged is None
        return complete and self._crc != self._entry.crc

    def _packed(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(max(0, min(size, self._end - self._at)))
        self._at += len(data)
        return data

    def _inflate(self, unpack: Decompressor, size: int) -> bytes:
        while not unpack.eof:
            data = b"" if unpack.waiting else self._packed(CHUNK)
            if not data and not unpack.waiting:
                self.damaged = "ends too early"
                return b""
            try:
                out = unpack.decompress(data, size)
            except ERRORS as error:
                self.damaged = str(error)
                return b""
            if out:
                self._account(out)
                return out
        return b""

    def _account(self, out: bytes) -> None:
        if not self._out:
            self._numbers = out.startswith(NUMBERS)
        self._budget.unpacked(len(out))
        ratio = self._budget.limits.ratio
        packed = max(self._at - self._start, 1)
        if not self._numbers and self._out > RATIO_FROM and self._out > ratio * packed:
            raise Bomb(f"unpacks to more than {ratio} times its size")


def open_member(
    file: Seekable, entry: Entry, local: Local, budget: Budget
) -> tuple[Member, Stream]:
    """The bytes of an entry as a stream."""
    member = Member(file, entry, local.data, budget)
    return member, Stream(member, budget, seekable=member.stored)
