"""Sealed files: AES-256-GCM over 1 MiB segments, in the STREAM construction, with random access.

    file    = header, segment, segment, …              at least one segment, only the last one short
    header  = "strongroom seal" 0x01, salt[32], commitment[32]
    segment = AES-256-GCM(file key, nonce, 0 to 1 MiB of plaintext, header and context), tag[16]
    nonce   = segment number[11, big-endian], 1 if it is the last one else 0
    file key[32], commitment[32] = HKDF-SHA256(data key, salt, "strongroom seal" 0x01, context)

The nonce makes reordering, truncation and appending fail; the salt makes every file's key its own;
the context (model, version, path) makes a file good in its place only. The commitment tells a wrong
key or place from damage, and holds a file to one key: GCM alone would let somebody who knows two
keys write a file that opens under both, to different models. STREAM: Hoang, Reyhanitabar, Rogaway,
Vizár, CRYPTO 2015. HKDF: RFC 5869.
"""

from __future__ import annotations

import hmac
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.keys.private import derive

SEGMENT: Final = 1024 * 1024
"""Bytes of plaintext in every segment but the last."""
TAG: Final = 16
SEALED_SEGMENT: Final = SEGMENT + TAG
MAGIC: Final = b"strongroom seal\x01"
HEADER: Final = len(MAGIC) + 32 + 32
KEY: Final = 32
MAX_CONTEXT: Final = 16 * 1024
"""It is authenticated again with each segment."""


def new_key() -> bytes:
    """A fresh 32-byte data key from the system's randomness."""
    return os.urandom(KEY)


def context_of(**names: str) -> bytes:
    """The bytes that bind a file to its place: `context_of(model=…, version=…, path=…)`."""
    return canonical(names)


def sealed_size(size: int) -> int:
    """Bytes that a plaintext of `size` bytes takes when sealed."""
    return HEADER + size + TAG * max(1, -(-size // SEGMENT))


def seal_stream(source: BinaryIO, target: BinaryIO, key: bytes, context: bytes) -> None:
    """Seal all that is left in `source` into `target`, in constant memory.

    Raises InputError for a key that is not 32 bytes; lets the streams' own OSErrors through.
    """
    for chunk in sealed_chunks(source, key, context):
        _write(target, chunk)


def sealed_chunks(source: BinaryIO, key: bytes, context: bytes) -> Iterator[bytes]:
    """The sealed file of all that is left in `source`, in chunks of at most 1 MiB and 16 bytes."""
    cipher = _FileCipher.new(key, context)
    yield cipher.header
    for index, text, last in _segments(source, SEGMENT):
        yield cipher.seal(index, text, last=last)


def open_stream(
    source: BinaryIO, target: BinaryIO, key: bytes, context: bytes, *, where: str = "sealed file"
) -> None:
    """Open all that is left in `source` into `target`, in constant memory.

    What reached `target` before an error is genuine, yet not the whole file: throw it away.
    Raises IntegrityError when `source` is not, whole and alone, what was sealed with this key for
    this context; lets the streams' own OSErrors through.
    """
    cipher = _FileCipher.of(_read(source, HEADER), key, context, where)
    for index, sealed, last in _segments(source, SEALED_SEGMENT):
        _write(target, cipher.open(index, sealed, last=last))


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
        source.seek(0)
        self._cipher = _FileCipher.of(_read(source, HEADER), key, context, where)
        self._shape = _Shape.of_sealed(source.seek(0, io.SEEK_END), where)
        self._source = source
        self._position = 0
        self._held = (-1, b"")
        self._segment(self._shape.segments - 1)

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
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._shape.size - self._position))
        done = 0
        while done < count:
            index, offset = divmod(self._position, SEGMENT)
            part = memoryview(self._segment(index))[offset : offset + count - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return count

    def close(self) -> None:
        if not self.closed and hasattr(self, "_source"):
            self._source.close()
        super().close()

    def _segment(self, index: int) -> bytes:
        if self._held[0] != index:
            self._source.seek(HEADER + index * SEALED_SEGMENT)
            sealed = _read(self._source, SEALED_SEGMENT)
            last = index == self._shape.segments - 1
            self._held = (index, self._cipher.open(index, sealed, last=last))
        return self._held[1]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many segments a file has, and how many bytes of plaintext."""

    segments: int
    size: int

    @classmethod
    def of_sealed(cls, total: int, where: str) -> _Shape:
        segments = max(1, -(-(total - HEADER) // SEALED_SEGMENT))
        size = total - HEADER - segments * TAG
        if size < 0 or (segments > 1 and size <= (segments - 1) * SEGMENT):
            raise IntegrityError("sealed file is cut short", where=where)
        return cls(segments, size)


@dataclass(frozen=True, slots=True)
class _FileCipher:
    """The keyed cipher of one file."""

    aead: AESGCM
    header: bytes
    bound: bytes
    """Header and context: authenticated with every segment."""
    where: str

    @classmethod
    def new(cls, key: bytes, context: bytes) -> _FileCipher:
        salt = os.urandom(32)
        file_key, commitment = _derive(key, salt, context)
        header = MAGIC + salt + commitment
        return cls(AESGCM(file_key), header, header + context, "sealed file")

    @classmethod
    def of(cls, header: bytes, key: bytes, context: bytes, where: str) -> _FileCipher:
        salt, said = header[len(MAGIC) : -32], header[-32:]
        if len(header) < HEADER or not header.startswith(MAGIC):
            raise IntegrityError("not a sealed file of a version that this reads", where=where)
        file_key, commitment = _derive(key, salt, context)
        if not hmac.compare_digest(said, commitment):
            raise IntegrityError(
                "sealed with another key or for another model, version or path, or changed since",
                where=where,
            )
        return cls(AESGCM(file_key), header, header + context, where)

    def seal(self, index: int, text: bytes, *, last: bool) -> bytes:
        return self.aead.encrypt(_nonce(index, last=last), text, self.bound)

    def open(self, index: int, sealed: bytes, *, last: bool) -> bytes:
        try:
            text = self.aead.decrypt(_nonce(index, last=last), sealed, self.bound)
        except InvalidTag:
            text = None
        if text is None or (index and not text):
            raise IntegrityError(
                f"segment {index} is not what was sealed, or others are missing after it",
                where=self.where,
            )
        return text


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes]:
    if not isinstance(key, bytes) or len(key) != KEY:
        raise InputError(f"a data key is {KEY} bytes")
    if len(context) > MAX_CONTEXT:
        raise InputError(f"{len(context)} bytes of context, {MAX_CONTEXT} allowed")
    made = derive(key, salt, MAGIC + context, 64)
    return made[:32], made[32:]


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])


def _segments(source: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes, and whether it is the last: which takes reading one ahead."""
    index, held = 0, _read(source, size)
    while True:
        ahead = _read(source, size) if len(held) == size else b""
        yield index, held, not ahead
        if not ahead:
            return
        index, held = index + 1, ahead


def _read(source: BinaryIO, size: int) -> bytes:
    """So many bytes, or fewer only at the end."""
    data = source.read(size)
    while data and len(data) < size:
        more = source.read(size - len(data))
        if not more:
            break
        data += more
    return data


def _write(target: BinaryIO, data: bytes) -> None:
    """All of it: unbuffered files may take less at a time."""
    done = target.write(data)
    while done < len(data):
        done += target.write(data[done:])
