"""Hexadecimal: in one run, byte by byte, with 0x; and lists of character codes in base 10 or 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from string import digits, hexdigits
from typing import Final

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece

_RUN: Final = re.compile(r"(?<![A-Za-z0-9])(?:0x)?[0-9A-Fa-f]{12,}+(?![A-Za-z0-9])")
_BYTES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:0x)?[0-9A-Fa-f]{2}(?:[ :,-]{1,2}(?:0x)?[0-9A-Fa-f]{2}){5,}+(?![A-Za-z0-9])"
)
_CODES: Final = re.compile(r"(?<![0-9A-Za-z.])[0-9]{2,3}(?:[ ,;]{1,2}[0-9]{2,3}){7,}+(?![0-9.])")
_BITS: Final = re.compile(r"(?<![0-9A-Za-z])[01]{8}(?:[ ,]?[01]{8}){4,}+(?![0-9A-Za-z])")

LONG_NUMBER: Final = 24
"""Digits from which on a run of nothing but digits is no card or account number."""
_HEX: Final = Shape({"x": hexdigits, " ": " :,-", "0": "xX"})
_LISTED: Final = b"xx" + b" xx" * 5
"""Six bytes in a row, with or without `0x`, once double separators are single."""
_DECIMAL: Final = Shape({"d": digits, " ": " ,;"})
_BINARY: Final = Shape({"0": "01"})


def decode(text: str) -> Sequence[Piece]:
    """Runs of bytes that say something."""
    starts = (start for start, _ in _HEX.runs(text, b"x", 12))
    runs = (_RUN.match(text, max(0, at - 2)) or _RUN.match(text, at) for at in starts)
    if pieces := _pieces(filter(None, runs), _bytes):
        return pieces
    listed = _LISTED in _HEX.of(text).replace(b"x0", b"").replace(b"  ", b" ")
    return _pieces(_BYTES.finditer(text), _bytes) if listed else ()


def codes(text: str) -> Sequence[Piece]:
    """Lists of character codes that say something."""
    bits = _pieces(_BITS.finditer(text), _bits) if _BINARY.holds(text, b"0" * 8) else ()
    listed = _DECIMAL.holds(text, b"d dd d", b"d ddd d", b"d  dd  d", b"d  ddd  d")
    return bits or (_pieces(_CODES.finditer(text), _numbers) if listed else ())


def _pieces(runs: Iterable[re.Match[str]], read: Callable[[str], bytes]) -> Sequence[Piece]:
    return [
        Piece(run.start(), run.end(), said)
        for run in runs
        if (said := as_text(read(run.group()))) is not None
    ]


def _bytes(run: str) -> bytes:
    digits = re.sub(r"0x|[^0-9A-Fa-f]", "", run)
    if len(digits) % 2 or (run.isdigit() and len(digits) < LONG_NUMBER):
        return b""
    return bytes.fromhex(digits)


def _numbers(run: str) -> bytes:
    numbers = [int(n) for n in re.findall("[0-9]+", run)]
    return bytes(numbers) if max(numbers) < 256 else b""


def _bits(run: str) -> bytes:
    digits = re.sub("[^01]", "", run)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8))


HEX: Final = Decoder("hex", decode)
CODES: Final = Decoder("character_codes", codes)
