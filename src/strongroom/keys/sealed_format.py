"""The sealed file format: AES-256-GCM over 1 MiB segments, in the STREAM construction.

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
import os
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.errors import InputError, IntegrityError
from strongroom.keys.private import derive

Buffer: TypeAlias = bytes | bytearray | memoryview

SEGMENT: Final = 1024 * 1024
"""Bytes of plaintext in every segment but the last."""
TAG: Final = 16
SEALED_SEGMENT: Final = SEGMENT + TAG
MAGIC: Final = b"strongroom seal\x01"
HEADER: Final = len(MAGIC) + 32 + 32
KEY: Final = 32
MAX_CONTEXT: Final = 16 * 1024
"""It is authenticated again with each segment."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many segments a file has, and how many bytes of plaintext."""

    segments: int
    size: int

    @classmethod
    def of_plain(cls, size: int) -> Shape:
        """Of what `size` bytes will be sealed as."""
        return cls(max(1, -(-size // SEGMENT)), size)

    @classmethod
    def of_sealed(cls, total: int, where: str) -> Shape:
        """Of a sealed file of `total` bytes. Raises IntegrityError for an impossible length."""
        segments = max(1, -(-(total - HEADER) // SEALED_SEGMENT))
        shape = cls(segments, total - HEADER - segments * TAG)
        if shape.size < 0 or cls.of_plain(shape.size) != shape:
            raise IntegrityError("a sealed file that is cut short", where=where)
        return shape

    @property
    def sealed_size(self) -> int:
        """Bytes of the sealed file."""
        return HEADER + self.size + self.segments * TAG

    def plain(self, index: int) -> slice:
        """Where a segment stands in the plaintext."""
        return slice(index * SEGMENT, min((index + 1) * SEGMENT, self.size))

    def sealed(self, index: int) -> slice:
        """Where a segment stands in the sealed file."""
        start = HEADER + index * SEALED_SEGMENT
        return slice(start, min(start + SEALED_SEGMENT, self.sealed_size))

    def is_last(self, index: int) -> bool:
        """Whether it is the last segment."""
        return index == self.segments - 1


@dataclass(frozen=True, slots=True)
class FileCipher:
    """The keyed cipher of one file; threads may share it."""

    aead: AESGCM
    header: bytes
    bound: bytes
    """Header and context: authenticated with every segment."""
    where: str

    @classmethod
    def new(cls, key: bytes, context: bytes) -> FileCipher:
        """For a new file, under a fresh salt. Raises InputError."""
        salt = os.urandom(32)
        file_key, commitment = _derive(key, salt, context)
        header = MAGIC + salt + commitment
        return cls(AESGCM(file_key), header, header + context, "sealed file")

    @classmethod
    def of(cls, header: bytes, key: bytes, context: bytes, where: str) -> FileCipher:
        """For the file of that header. Raises IntegrityError when it is not for key and context."""
        if len(header) != HEADER or not header.startswith(MAGIC):
            raise IntegrityError("not a sealed file of a version that this reads", where=where)
        file_key, commitment = _derive(key, header[len(MAGIC) : -32], context)
        if not hmac.compare_digest(header[-32:], commitment):
            raise IntegrityError(
                "sealed with another key or for another model, version or path, or changed since",
                where=where,
            )
        return cls(AESGCM(file_key), header, header + context, where)

    def seal(self, index: int, text: Buffer, out: Buffer, *, last: bool) -> int:
        """Seal a segment into the start of `out`, and say how many bytes that made."""
        made = memoryview(out)[: len(text) + TAG]
        return self.aead.encrypt_into(_nonce(index, last=last), text, self.bound, made)

    def open(self, index: int, sealed: Buffer, out: Buffer, *, last: bool) -> int:
        """Open a segment into the start of `out`, and say how many bytes that made.

        Raises IntegrityError; then what `out` holds is worth nothing.
        """
        if len(sealed) < TAG + min(index, 1):  # only the first segment may be empty
            raise IntegrityError("a sealed file that is cut short", where=self.where)
        made = memoryview(out)[: len(sealed) - TAG]
        try:
            return self.aead.decrypt_into(_nonce(index, last=last), sealed, self.bound, made)
        except InvalidTag as error:
            raise IntegrityError(
                f"segment {index} is not what was sealed there, or the file is cut or longer",
                where=self.where,
            ) from error


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes]:
    if not isinstance(key, bytes) or len(key) != KEY:
        raise InputError(f"a data key is {KEY} bytes")
    if not isinstance(context, bytes) or len(context) > MAX_CONTEXT:
        raise InputError(f"a context is at most {MAX_CONTEXT} bytes")
    made = derive(key, salt, MAGIC + context, 64)
    return made[:32], made[32:]


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])
