"""Seal and open files: as streams, in memory, or at any place. The format: `sealed_format`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, BinaryIO

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.keys.pipeline import WORKERS, fill, pump, write
from strongroom.keys.sealed_format import (
    HEADER,
    KEY,
    SEALED_SEGMENT,
    SEGMENT,
    TAG,
    Buffer,
    FileCipher,
    Shape,
)

__all__ = [
    "SEGMENT",
    "SealedReader",
    "context_of",
    "new_key",
    "open_into",
    "open_stream",
    "seal_into",
    "seal_stream",
    "sealed_chunks",
    "sealed_size",
]


def new_key() -> bytes:
    """A fresh 32-byte data key from the system's randomness."""
    return os.urandom(KEY)


def context_of(**names: str) -> bytes:
    """The bytes that bind a file to its place: `context_of(model=…, version=…, path=…)`."""
    return canonical(names)


def sealed_size(size: int) -> int:
    """Bytes that a plaintext of `size` bytes takes when sealed."""
    return Shape.of_plain(size).sealed_size


def seal_stream(source: BinaryIO, target: BinaryIO, key: bytes, context: bytes) -> None:
    """Seal all that is left in `source` into `target`, in constant memory.

    Raises InputError for a key that is not 32 bytes; lets the streams' own OSErrors through.
    """
    cipher = FileCipher.new(key, context)
    write(target, cipher.header)
    pump(source, target, (SEGMENT, SEALED_SEGMENT), cipher.seal)


def sealed_chunks(source: BinaryIO, key: bytes, context: bytes) -> Iterator[bytes]:
    """As `seal_stream`, for a taker that pulls: chunks of at most 1 MiB and 16 bytes."""
    cipher = FileCipher.new(key, context)
    yield cipher.header
    index, held, ahead = 0, bytearray(SEGMENT), bytearray(SEGMENT)
    length, last = fill(source, held), False
    while not last:
        following = fill(source, ahead) if length == SEGMENT else 0
        last = not following
        out = bytearray(length + TAG)
        cipher.seal(index, memoryview(held)[:length], out, last=last)
        yield bytes(out)
        index, held, ahead, length = index + 1, ahead, held, following


def open_stream(
    source: BinaryIO, target: BinaryIO, key: bytes, context: bytes, *, where: str = "sealed file"
) -> None:
    """Open all that is left in `source` into `target`, in constant memory.

    What reached `target` before an error is genuine, yet not the whole file: throw it away.
    Raises IntegrityError when `source` is not, whole and alone, what was sealed with this key for
    this context; lets the streams' own OSErrors through.
    """
    cipher = FileCipher.of(_header(source), key, context, where)
    pump(source, target, (SEALED_SEGMENT, SEGMENT), cipher.open)


def seal_into(text: Buffer, out: Buffer, key: bytes, context: bytes) -> None:
    """Seal bytes in memory into a buffer of `sealed_size(len(text))` bytes, on several cores."""
    plain, sealed = memoryview(text).cast("B"), memoryview(out).cast("B")
    shape = Shape.of_plain(len(plain))
    if len(sealed) != shape.sealed_size:
        raise InputError(f"a buffer of {len(sealed)} bytes, {shape.sealed_size} needed")
    cipher = FileCipher.new(key, context)
    sealed[:HEADER] = cipher.header
    _each(
        shape.segments,
        lambda i: cipher.seal(
            i, plain[shape.plain(i)], sealed[shape.sealed(i)], last=shape.is_last(i)
        ),
    )


def open_into(
    data: Buffer, out: Buffer, key: bytes, context: bytes, *, where: str = "sealed file"
) -> None:
    """Open a sealed file in memory into a buffer of its plaintext's length, on several cores.

    Raises IntegrityError; then what `out` holds is worth nothing.
    """
    sealed, plain = memoryview(data).cast("B"), memoryview(out).cast("B")
    cipher = FileCipher.of(bytes(sealed[:HEADER]), key, context, where)
    shape = Shape.of_sealed(len(sealed), where)
    if len(plain) != shape.size:
        raise InputError(f"a buffer of {len(plain)} bytes, {shape.size} needed")
    _each(
        shape.segments,
        lambda i: cipher.open(
            i, sealed[shape.sealed(i)], plain[shape.plain(i)], last=shape.is_last(i)
        ),
    )


class SealedReader(io.BufferedReader):
    """The plaintext of a sealed file, readable and seekable, decrypted as it is read.

    The length and the last segment are verified at once, each other segment before any byte of it
    is given. It owns `source`, which must be seekable, and closes it. Raises IntegrityError.
    """

    def __init__(
        self, source: BinaryIO, key: bytes, context: bytes, *, where: str = "sealed file"
    ) -> None:
        super().__init__(_Plaintext(source, key, context, where), 64 * 1024)


class _Plaintext(io.RawIOBase):
    def __init__(self, source: BinaryIO, key: bytes, context: bytes, where: str) -> None:
        self._source = source
        source.seek(0)
        self._cipher = FileCipher.of(_header(source), key, context, where)
        self._shape = Shape.of_sealed(source.seek(0, io.SEEK_END), where)
        self._where = where
        self._sealed = bytearray(SEALED_SEGMENT)
        self._held = bytearray(SEGMENT)
        self._index = -1
        self._position = 0
        self._hold(self._shape.segments - 1)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._shape.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        view: memoryview = memoryview(buffer).cast("B")
        count: int = max(0, min(len(view), self._shape.size - self._position))
        done = 0
        while done < count:
            index, offset = divmod(self._position, SEGMENT)
            part = min(self._length(index) - offset, count - done)
            if part == SEGMENT:  # all of it is wanted: spare a copy
                self._open(index, view[done : done + part])
            else:
                self._hold(index)
                view[done : done + part] = memoryview(self._held)[offset : offset + part]
            done += part
            self._position += part
        return count

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _length(self, index: int) -> int:
        return min(SEGMENT, self._shape.size - index * SEGMENT)

    def _hold(self, index: int) -> None:
        if self._index != index:
            self._index = -1  # what is held is worth nothing if the next line fails
            self._open(index, memoryview(self._held)[: self._length(index)])
            self._index = index

    def _open(self, index: int, out: memoryview) -> None:
        place = self._shape.sealed(index)
        self._source.seek(place.start)
        sealed = memoryview(self._sealed)[: place.stop - place.start]
        if fill(self._source, sealed) != len(sealed):
            raise IntegrityError("a sealed file that is cut short", where=self._where)
        self._cipher.open(index, sealed, out, last=self._shape.is_last(index))


def _header(source: BinaryIO) -> bytes:
    header = bytearray(HEADER)
    return bytes(header[: fill(source, header)])


def _each(count: int, work: Callable[[int], object]) -> None:
    """Do the work for each segment; in threads when there are enough to pay for starting them."""
    indices, lock = iter(range(count)), Lock()

    def run() -> None:
        while True:
            with lock:
                index = next(indices, None)
            if index is None:
                return
            work(index)

    if count < 2 * WORKERS:
        run()
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(run) for _ in range(WORKERS)]:
            done.result()
