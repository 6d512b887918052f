"""Percent-encoding, as in URLs; quoted-printable, as in e-mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.spans import Piece

_RUN: Final = re.compile(r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*+")
_PLUS: Final = re.compile(r"(?<=[A-Za-z0-9%])\+(?=[A-Za-z0-9%])")
_QUOTED: Final = re.compile(r"=(?:[0-9A-F]{2}(?:=[0-9A-F]{2})*+|\r?\n)")
"""These begin with one sign, which is found at the speed of `str.find`."""


def decode(text: str) -> Sequence[Piece]:
    """Runs of percent signs with two digits, and the pluses that stand for spaces beside them."""
    if "%" not in text:
        return ()
    pieces = [Piece(m.start(), m.end(), unquote(m.group())) for m in _RUN.finditer(text)]
    if pieces and " " not in text.strip():
        pieces += [Piece(m.start(), m.end(), " ") for m in _PLUS.finditer(text)]
    return sorted(pieces)


def quoted(text: str) -> Sequence[Piece]:
    """Quoted-printable; three of its marks make it no accident."""
    if text.count("=") < 3:
        return ()
    pieces = [Piece(m.start(), m.end(), _quoted(m.group())) for m in _QUOTED.finditer(text)]
    return pieces if sum(p.end - p.start for p in pieces) >= 9 else ()


def _quoted(run: str) -> str:
    return "" if run.endswith("\n") else unquote(run.replace("=", "%"))


URL: Final = Decoder("url", decode)
QUOTED: Final = Decoder("quoted_printable", quoted)
