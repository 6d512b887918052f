"""Morse code, by ITU-R M.1677-1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece

_RUN: Final = re.compile(
    r"(?<![\w.·•-])[.·•\-–—−_]{1,6}(?:(?:[ \n]{1,7}|[ ]{0,3}[/|][ ]{0,3})[.·•\-–—−_]{1,6}){4,}+"
)
_SIGNS: Final = Shape({"-": ".-_?", " ": " /|\n"})
"""A question mark stands for what is not ASCII, such as a long dash."""
_FIVE: Final = re.compile(rb"-{1,6}(?: {1,7}-{1,6}){4}")
"""What every run holds, in the shape of its text."""
_DASHES: Final = str.maketrans("·•–—−_", "..----")
_CODE: Final = {
    ".-": "a", "-...": "b", "-.-.": "c", "-..": "d", ".": "e", "..-.": "f", "--.": "g",
    "....": "h", "..": "i", ".---": "j", "-.-": "k", ".-..": "l", "--": "m", "-.": "n",
    "---": "o", ".--.": "p", "--.-": "q", ".-.": "r", "...": "s", "-": "t", "..-": "u",
    "...-": "v", ".--": "w", "-..-": "x", "-.--": "y", "--..": "z", "-----": "0",
    ".----": "1", "..---": "2", "...--": "3", "....-": "4", ".....": "5", "-....": "6",
    "--...": "7", "---..": "8", "----.": "9", ".-.-.-": ".", "--..--": ",", "..--..": "?",
    "-..-.": "/", "-....-": "-", ".--.-.": "@", "---...": ":", ".----.": "'", "-.-.--": "!",
}  # fmt: skip
LEAST_DIFFERENT: Final = 3
"""Different letters; a ruled line or a table has fewer."""


def decode(text: str) -> Sequence[Piece]:
    """Runs of signs that are letters, or nearly all of them."""
    signs = _SIGNS.of(text)
    if not any(gap in signs for gap in (b"- -", b"-  -", b"-   -")) or not _FIVE.search(signs):
        return ()
    return [
        Piece(run.start(), run.end(), said)
        for run in _RUN.finditer(text)
        if (said := _said(run.group())) is not None
    ]


def _said(run: str) -> str | None:
    words = re.split(r"\s*[/|]\s*|\s{3,}|\n", run.translate(_DASHES))
    letters = [[_CODE.get(sign, "") for sign in word.split()] for word in words]
    flat = [letter for word in letters for letter in word]
    if len(set(flat)) < LEAST_DIFFERENT or flat.count("") * 10 > len(flat):
        return None
    return " ".join("".join(word) for word in letters)


MORSE: Final = Decoder("morse", decode)
