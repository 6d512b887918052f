"""Base85: Adobe's Ascii85, with or without its brackets, and the alphabet of RFC 1924."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from string import ascii_letters, digits, punctuation
from typing import Final

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece
from strongroom.guard.words import known

_BLOB: Final = re.compile(r"(?<!\S)(?=\S{0,200}?[^A-Za-z0-9\s])[!-~]{20,}+")
_LONG: Final = Shape({"b": ascii_letters + digits + punctuation})
MAX_BLOBS: Final = 200


def decode(text: str) -> Sequence[Piece]:
    """Words of twenty characters or more that say something in words."""
    if not _LONG.holds(text, b"b" * 20):
        return ()
    pieces: list[Piece] = []
    for blob in _BLOB.finditer(text):
        said = _said(blob.group())
        if said is not None:
            pieces.append(Piece(blob.start(), blob.end(), said))
        if len(pieces) >= MAX_BLOBS:
            break
    return pieces


def _said(blob: str) -> str | None:
    bare = blob.removeprefix("<~").removesuffix("~>").rstrip(",;")
    for alphabet in (base64.a85decode, base64.b85decode):
        try:
            said = as_text(alphabet(bare))
        except ValueError:
            continue
        if said is not None and known(said.lower().split()):
            return said
    return None


BASE85: Final = Decoder("base85", decode)
