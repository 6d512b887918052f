"""7z archives: every file inside is scanned. Encrypted ones and rare coders cannot be judged."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable, Iterator
from typing import Final

from strongroom.assess.scanner.formats.compressed import (
    Decompressor,
    Unpacked,
    bzip2,
    deflate,
    raw_lzma,
    zstandard,
)
from strongroom.assess.scanner.place import Place, Scanned, odd, over, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.sevenlist import HEADER, Coder, Folder, Listing, Streams, listing
from strongroom.assess.scanner.stream import Budget, Part, Seekable, Slice, Stream, Truncated
from strongroom.domain.errors import LimitError

START: Final = 32
"""Bytes of the signature header."""
DICTIONARY: Final = 256 * 2**20
"""Largest LZMA dictionary that is allowed, in bytes."""
_LZMA, _LZMA2, _COPY, _AES = b"\x03\x01\x01", b"\x21", b"\x00", b"\x06\xf1\x07\x01"
_PLAIN: Final = {b"\x04\x01\x08": deflate, b"\x04\x02\x02": bzip2, b"\x04\xf7\x11\x01": zstandard}
_BRANCH: Final = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
}
Make = Callable[[], Decompressor]


def scan(stream: Stream, place: Place) -> Scanned:
    """Read the directory, then every file."""
    file = stream.random_access()
    hazards: list[Hazard] = []
    try:
        for hazard in _files(file, _directory(file, stream), place):
            hazards.append(hazard)  # noqa: PERF402 - what came before an error is kept
    except (Truncated, struct.error):
        hazards.append(unjudged("7z.broken", "not a sound 7z archive"))
    except _Unsupported as why:
        hazards.append(unjudged("7z.unread", str(why), fix="unpack it, then scan what comes out"))
    except LimitError as error:
        hazards.append(over(error))
    return Scanned("7z", tuple(hazards))


class _Unsupported(Exception):
    """Packed in a way that is not read here."""


def _directory(file: Seekable, stream: Stream) -> Listing:
    file.seek(0)
    offset, size = struct.unpack("<QQ", file.read(START)[12:28])
    if size > HEADER:
        raise LimitError(f"a 7z directory of {size} bytes")
    file.seek(START + offset)
    data = file.read(size)
    for _ in range(4):
        read = listing(data)
        if isinstance(read, Listing):
            return read
        data = b"".join(_unpack(file, read, 0, stream.budget))
    raise Truncated


def _files(file: Seekable, found: Listing, place: Place) -> Iterator[Hazard]:
    streams, names = found.streams, iter(found.names)
    if streams is None:
        return
    for index, sizes in enumerate(streams.files):
        source = Stream(_Joined(_unpack(file, streams, index, place.budget)), place.budget)
        for size in sizes:
            place.budget.member()
            name = next(names, "?")
            yield from _path(name)
            start = source.tell()
            yield from place.descend(Stream(Part(source, size), place.budget), name).hazards
            source.skip(start + size - source.tell())


def _path(name: str) -> Iterator[Hazard]:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0]:
        yield odd(
            "7z.path_escape",
            f"{name[:200]!r} would be unpacked outside the folder",
            attack="path_escape",
            references=("CWE-22",),
            rating=Rating.BLOCK,
        )


def _unpack(file: Seekable, streams: Streams, index: int, budget: Budget) -> Iterator[bytes]:
    folder = streams.folders[index]
    if not folder.simple or len(streams.packed) != len(streams.folders):
        raise _Unsupported("packed by several streams at once (BCJ2)")
    start = START + streams.offset + sum(streams.packed[:index])
    raw = Slice(file, start, start + streams.packed[index])
    make = _decompressor(folder)
    source = raw if make is None else Unpacked(raw, make, budget)
    left = folder.unpacked
    while left > 0 and (data := source.read(min(left, 1 << 18))):
        left -= len(data)
        yield data
    if left:
        raise Truncated


def _decompressor(folder: Folder) -> Make | None:
    """The maker of what undoes the folder's coders; None where the bytes lie there as they are."""
    coders = [coder for coder in folder.coders if coder.method != _COPY]
    if any(coder.method == _AES for coder in coders):
        raise _Unsupported("encrypted")
    if not coders:
        return None
    if len(coders) == 1 and coders[0].method in _PLAIN:
        return _PLAIN[coders[0].method]
    filters = [_filter(coder) for coder in coders]
    return lambda: raw_lzma(filters)


def _filter(coder: Coder) -> dict[str, int]:
    properties = coder.properties
    if coder.method == _LZMA and len(properties) == 5 and properties[0] < 225:
        rest, lc = divmod(properties[0], 9)
        pb, lp = divmod(rest, 5)
        size = _dictionary(int.from_bytes(properties[1:], "little"))
        return {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": size}
    if coder.method == _LZMA2 and len(properties) == 1 and properties[0] <= 40:
        size = _dictionary((2 | properties[0] & 1) << (properties[0] // 2 + 11))
        return {"id": lzma.FILTER_LZMA2, "dict_size": size}
    if coder.method == b"\x03" and len(properties) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}
    if coder.method in _BRANCH:
        return {"id": _BRANCH[coder.method]}
    raise _Unsupported(f"packed by the coder {coder.method.hex()}")


def _dictionary(size: int) -> int:
    if size > DICTIONARY:
        raise LimitError(f"an LZMA dictionary of {size} bytes")
    return max(size, 4096)


class _Joined:
    """An iterator of chunks as something to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        data = self._rest or next(self._chunks, b"")
        size = len(data) if size < 0 else size
        self._rest = data[size:]
        return data[:size]
