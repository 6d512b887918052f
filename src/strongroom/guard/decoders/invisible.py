"""Text in characters that nobody sees: variation selectors as bytes, zero widths as bits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder, as_text
from strongroom.guard.spans import Piece

_SELECTOR: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SELECTORS: Final = re.compile(_SELECTOR.pattern + "{4,}+")
_BIT: Final = re.compile("[\u200b-\u200d\u2060\u2062-\u2064\ufeff]")
_BITS: Final = re.compile(_BIT.pattern + "{16,}+")
_EITHER: Final = re.compile(f"{_SELECTOR.pattern}|{_BIT.pattern}")


def carries(text: str) -> bool:
    """Whether there is such a character at all; its few different ones are asked."""
    return not text.isascii() and bool(_EITHER.search("".join(set(text))))


def selectors(text: str) -> Sequence[Piece]:
    """Runs of variation selectors, one for each byte."""
    return [
        Piece(run.start(), run.end(), f" {said} ")
        for run in _SELECTORS.finditer(text)
        if (said := as_text(bytes(_byte(char) for char in run.group()))) is not None
    ]


def _byte(char: str) -> int:
    code = ord(char)
    return code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16


def bits(text: str) -> Sequence[Piece]:
    """Runs of two zero-width characters; either may be the one, a third parts the bytes."""
    return [
        Piece(run.start(), run.end(), f" {said} ")
        for run in _BITS.finditer(text)
        if (said := _bits(run.group())) is not None
    ]


def _bits(run: str) -> str | None:
    by_count = sorted(set(run), key=run.count, reverse=True)
    if len(by_count) < 2:
        return None
    first, second = sorted(by_count[:2])
    digits = [char for char in run if char in (first, second)]
    for one in (second, first):
        line = "".join("1" if char == one else "0" for char in digits)
        for width in (8, 7):
            codes = [int(line[at : at + width], 2) for at in range(0, len(line) - width + 1, width)]
            if (said := as_text(bytes(codes))) is not None:
                return said
    return None


SELECTORS: Final = Decoder("variation_selector", selectors)
BITS: Final = Decoder("zero_width", bits)
