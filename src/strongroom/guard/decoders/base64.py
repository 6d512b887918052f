"""Base64 and its URL alphabet, over several lines, with or without padding; gzip inside."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece

MAX_INFLATED: Final = 64 * 1024
_BLOB: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}+(?:\r?\n[A-Za-z0-9+/_-]{4,}+)*+={0,2}"
)
_LONG: Final = Shape({"b": ascii_letters + digits + "+/_-"})
_PART: Final = re.compile(r"[A-Za-z0-9+_]{12,}+={0,2}")
_URL_ALPHABET: Final = str.maketrans("-_", "+/")


def decode(text: str) -> Sequence[Piece]:
    """Blobs that say something; of others, the parts between `/`, `-` and lines that do."""
    pieces: list[Piece] = []
    read = 0
    for start, _ in _LONG.runs(text, b"b", 12):
        blob = _BLOB.match(text, start) if start >= read else None
        if blob is None:
            continue
        read = blob.end()
        found = _said(blob.group())
        if found is not None:
            pieces.append(Piece(blob.start(), blob.end(), found))
            continue
        parts = list(_PART.finditer(blob.group()))
        if len(parts) > 1 or (parts and parts[0].span() != (0, len(blob.group()))):
            pieces += [
                Piece(blob.start() + part.start(), blob.start() + part.end(), said)
                for part in parts
                if (said := _said(part.group())) is not None
            ]
    return pieces


def _said(blob: str) -> str | None:
    """What a blob says; a letter or two of another word may hang on at its end."""
    letters = "".join(blob.split()).rstrip("=").translate(_URL_ALPHABET)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        data = binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return None
    if data[:2] == b"\x1f\x8b" or data[:2] in (b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
        data = _inflated(data)
    return as_text(data)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""


BASE64: Final = Decoder("base64", decode)
