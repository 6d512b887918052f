"""gzip, zlib, bzip2, xz, lzma and zstd (joblib uses them all): unpacked as a bounded stream."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Final, Protocol

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # before Python 3.14
    from backports import zstd

from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard
from strongroom.assess.scanner.stream import CHUNK, Bomb, Budget, Raw, Stream

try:  # a small native library; without it lz4 files are `unknown`, with a word on why
    from lz4.frame import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        LZ4FrameDecompressor,
    )
except ImportError:
    LZ4FrameDecompressor = None

LZMA_MEMORY: Final = 128 * 2**20
"""Dictionary that an xz or lzma header may ask for, in bytes."""
RATIO_FROM: Final = 64 * 2**20
"""Unpacked bytes from which on the ratio counts: headers and runs of zeros are no bomb."""
ERRORS: Final = (
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
)
"""What decompressors raise at damaged data."""


class Decompressor(Protocol):
    """What zlib's, bz2's and lzma's decompressors have in common after `adapt`."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of output."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether it has more to give without new input."""
        ...


class _Zlib:
    """zlib's object with the interface of the other two."""

    def __init__(self, window: int) -> None:
        self._object = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    @property
    def waiting(self) -> bool:
        return bool(self._object.unconsumed_tail)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


class _Block:
    """bz2's, lzma's and zstd's objects."""

    def __init__(
        self,
        made: bz2.BZ2Decompressor
        | lzma.LZMADecompressor
        | zstd.ZstdDecompressor
        | LZ4FrameDecompressor,
    ) -> None:
        self._object = made

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data or b""

    @property
    def waiting(self) -> bool:
        return not self._object.needs_input and not self._object.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._object.decompress(data, max_length)


def deflate() -> Decompressor:
    """Raw deflate, as in zip."""
    return _Zlib(-15)


def bzip2() -> Decompressor:
    """bzip2."""
    return _Block(bz2.BZ2Decompressor())


def zstandard() -> Decompressor:
    """zstd; its default bounds the window to 128 MiB."""
    return _Block(zstd.ZstdDecompressor())


def raw_lzma(filters: list[dict[str, int]]) -> Decompressor:
    """LZMA without a header, as in 7z. Raises ValueError for filters that make no sense."""
    return _Block(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters))


def xz() -> Decompressor:
    """Xz or lzma, by its header, in bounded memory."""
    return _Block(lzma.LZMADecompressor(memlimit=LZMA_MEMORY))


CODECS: dict[str, tuple[tuple[bytes, ...], Callable[[], Decompressor]]] = {
    "gzip": ((b"\x1f\x8b",), lambda: _Zlib(31)),
    "zlib": ((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), lambda: _Zlib(15)),
    "bzip2": ((b"BZh",), bzip2),
    "xz": ((b"\xfd7zXZ\x00",), xz),
    "lzma": ((b"\x5d\x00\x00",), xz),
    "zstd": ((b"\x28\xb5\x2f\xfd",), zstandard),
}
LZ4_MAGIC: Final = b"\x04\x22\x4d\x18"
if LZ4FrameDecompressor is not None:
    CODECS["lz4"] = ((LZ4_MAGIC,), lambda: _Block(LZ4FrameDecompressor()))
"""Name to magic numbers and decompressor."""


class Unpacked:
    """A raw source that unpacks another, member after member, within the budget."""

    def __init__(self, packed: Raw, make: Callable[[], Decompressor], budget: Budget) -> None:
        self._packed = packed
        self._make = make
        self._budget = budget
        self._now = make()
        self._in = 0
        self._out = 0
        self.damaged: str | None = None
        self.rest = b""
        """First bytes after the last member."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; nothing at the end or where the data is damaged."""
        size = CHUNK if size < 0 else size
        while self.damaged is None and not self.rest:
            try:
                data = self._step(size)
            except ERRORS as error:
                self.damaged = str(error) or type(error).__name__
                return b""
            if data is None:
                return b""
            if data:
                self._account(len(data))
                return data
        return b""

    def _step(self, size: int) -> bytes | None:
        if self._now.eof:
            more = self._now.unused_data or self._take()
            if not more:
                return None
            if self._in and not self._same(more):
                self.rest = more[:64]
                return None
            self._now = self._make()
            return self._now.decompress(more, size)
        if self._now.waiting:
            return self._now.decompress(b"", size)
        data = self._take()
        if not data:
            raise EOFError("the compressed data ends too early")
        return self._now.decompress(data, size)

    def _take(self) -> bytes:
        data = self._packed.read(CHUNK)
        self._in += len(data)
        return data

    def _same(self, data: bytes) -> bool:
        return any(data.startswith(heads) for heads, make in CODECS.values() if make is self._make)

    def _account(self, count: int) -> None:
        self._out += count
        self._budget.unpacked(count)
        ratio = self._budget.limits.ratio
        if self._out > RATIO_FROM and self._out > ratio * max(self._in, 1):
            raise Bomb(f"unpacks to more than {ratio} times its size")


def codec_of(head: bytes) -> str | None:
    """The name of the codec whose magic number stands here."""
    for name, (heads, _) in CODECS.items():
        if head.startswith(heads):
            return None if name == "lzma" and not _plausible_lzma(head) else name
    return None


def scan(stream: Stream, place: Place) -> Scanned:
    """Unpack and scan what is inside."""
    name = codec_of(stream.peek(16)) or "zlib"
    source = Unpacked(stream, CODECS[name][1], place.budget)
    inner = place.descend(Stream(source, place.budget), name)
    label = "joblib" if inner.format == "pickle" else inner.format
    hazards = [*inner.hazards, *_trailing(source)]
    if source.damaged is not None:
        hazards.append(unjudged("compressed.damaged", f"{name} data is damaged: {source.damaged}"))
    return Scanned(f"{label}+{name}", tuple(hazards))


def _trailing(source: Unpacked) -> list[Hazard]:
    if not source.rest.strip(b"\0"):
        return []
    return [
        odd(
            "compressed.trailing_data",
            "bytes follow the compressed data that unpacking never reads",
            attack="hidden_data",
            references=("CWE-506",),
        )
    ]


def _plausible_lzma(head: bytes) -> bool:
    """Old .lzma has no real magic: a known dictionary size and length must follow."""
    if len(head) < 13:
        return False
    size = int.from_bytes(head[1:5], "little")
    length = int.from_bytes(head[5:13], "little")
    return size >= 4096 and size & (size - 1) == 0 and (length < 2**48 or length == 2**64 - 1)
