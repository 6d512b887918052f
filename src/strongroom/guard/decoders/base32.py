"""Base32, in capitals or small letters."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from string import ascii_letters
from typing import Final

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece

_BLOB: Final = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z2-7]{16,}+|[a-z2-7]{16,}+)={0,6}")
_LONG: Final = Shape({"b": ascii_letters + "234567"})
_REMAINDERS: Final = (0, 2, 4, 5, 7)
"""Lengths, modulo 8, that an encoder can leave."""


def decode(text: str) -> Sequence[Piece]:
    """Blobs that say something."""
    return [
        Piece(blob.start(), blob.end(), said)
        for start, _ in _LONG.runs(text, b"b", 16)
        if (blob := _BLOB.match(text, start))
        and (said := _said(blob.group().rstrip("=").upper())) is not None
    ]


def _said(letters: str) -> str | None:
    if len(letters) % 8 not in _REMAINDERS:
        return None
    return as_text(base64.b32decode(letters + "=" * (-len(letters) % 8)))


BASE32: Final = Decoder("base32", decode)
