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
_FORMS: Final = (
    (re.compile("[!-uz]+"), base64.a85decode),
    (re.compile("[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+"), base64.b85decode),
)
"""What each is written in, and what reads it."""
MAX_BLOBS: Final = 200


def decode(text: str) -> Sequence[Piece]:
    """Words of twenty characters or more that say something in words."""
    blobs = (b for run in _LONG.runs(text, b"b", 20) for b in _BLOB.finditer(text, *run))
    said: dict[str, str | None] = {}
    pieces: list[Piece] = []
    for blob in blobs:
        form = blob.group()
        if form not in said:
            said[form] = _said(form)
        if (words := said[form]) is not None:
            pieces.append(Piece(blob.start(), blob.end(), words))
        if len(pieces) >= MAX_BLOBS:
            break
    return pieces


def _said(blob: str) -> str | None:
    bare = blob.removeprefix("<~").removesuffix("~>").rstrip(",;")
    for alphabet, decoded in _FORMS:
        if not alphabet.fullmatch(bare):  # the decoders of base64 would find out letter by letter
            continue
        try:
            said = as_text(decoded(bare))
        except ValueError:
            continue
        if said is not None and known(said.lower().split()):
            return said
    return None


BASE85: Final = Decoder("base85", decode)
