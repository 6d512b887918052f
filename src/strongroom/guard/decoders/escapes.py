r"""Escapes of JSON and of programming languages: \u0069, \x69, \151, and \n inside JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.spans import Piece, in_order

_FORM: Final = (
    r"\\(?:u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2})"
)
_ESCAPE: Final = re.compile(rf"{_FORM}(?:{_FORM})*+")
_ONE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|[uUx]([0-9a-fA-F]+)|([0-7]{3}))")
_JSON: Final = re.compile(r'\\[nrt"/\\]')
_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/", "\\": "\\"}


def decode(text: str) -> Sequence[Piece]:
    """Every run of escapes; those that only JSON has, only where there is JSON."""
    if "\\" not in text:
        return ()
    pieces = [Piece(m.start(), m.end(), _characters(m.group())) for m in _ESCAPE.finditer(text)]
    if '"' in text and ("{" in text or "[" in text):
        pieces += [Piece(m.start(), m.end(), _SIMPLE[m.group()[1]]) for m in _JSON.finditer(text)]
    return in_order(pieces)


def _characters(run: str) -> str:
    units = []
    for braces, digits, octal in _ONE.findall(run):
        code = int(octal, 8) if octal else int(braces or digits, 16)
        units.append(chr(code) if code <= 0x10FFFF else "\ufffd")
    # Two halves of a surrogate pair are one character; a lone half is none.
    return "".join(units).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


ESCAPES: Final = Decoder("escapes", decode)
