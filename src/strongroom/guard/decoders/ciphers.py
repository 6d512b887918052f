"""Letters moved through the alphabet (ROT13, other shifts, Atbash); text backwards or upside down.

A word of the vocabulary in disguise is what tells them; two such words are no accident, or three
for the shifts that nobody uses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.folding import flipped
from strongroom.guard.spans import Piece
from strongroom.guard.words import disguises_in, mirrored_alphabet, rotated

LEAST: Final = 2
LEAST_RARE: Final = 3
_LINE: Final = re.compile(r"[^\n]+")
_BACKWARD: Final = re.compile(r"(?<!\S)[^\w\s]\S+(?!\S)|[^\W_]{2,}")
"""A word; with its signs, if a sign comes first: `.won` was `now.`"""
_UPSIDE_DOWN: Final = re.compile("[ɐǝɟƃᵷɥᴉɾʞʅɯɹʇʌʍʎ]")


def rot13(text: str) -> Sequence[Piece]:
    """Every line, by thirteen letters."""
    if disguises_in(text).get("rot13", 0) < LEAST:
        return ()
    return [Piece(0, len(text), rotated(text, 13), aligned=True)]


def caesar(text: str) -> Sequence[Piece]:
    """Every line, by the shift that makes the most words."""
    shifts = {n: c for n, c in disguises_in(text).items() if n.startswith("rot") and n != "rot13"}
    if not shifts or max(shifts.values()) < LEAST_RARE:
        return ()
    by = int(max(shifts, key=lambda name: shifts[name]).removeprefix("rot"))
    return [Piece(0, len(text), rotated(text, by), aligned=True)]


def atbash(text: str) -> Sequence[Piece]:
    """Every line, with the alphabet mirrored."""
    if disguises_in(text).get("atbash", 0) < LEAST:
        return ()
    return [Piece(0, len(text), mirrored_alphabet(text), aligned=True)]


def backwards(text: str) -> Sequence[Piece]:
    """Every line, from its end; its words then stand in their order."""
    if disguises_in(text).get("reversed", 0) < LEAST:
        return ()
    return [Piece(m.start(), m.end(), m.group()[::-1]) for m in _LINE.finditer(text)]


def backward_words(text: str) -> Sequence[Piece]:
    """Every word, from its end, where the words stand in their order."""
    if disguises_in(text).get("reversed", 0) < LEAST:
        return ()
    return [Piece(m.start(), m.end(), m.group()[::-1]) for m in _BACKWARD.finditer(text)]


def upside_down(text: str) -> Sequence[Piece]:
    """Every line with letters on their heads, from its end."""
    if text.isascii() or len(_UPSIDE_DOWN.findall(text)) < 4:
        return ()
    table = str.maketrans(dict(flipped()))
    return [
        Piece(m.start(), m.end(), m.group().translate(table)[::-1]) for m in _LINE.finditer(text)
    ]


ROT13: Final = Decoder("rot13", rot13)
CAESAR: Final = Decoder("caesar", caesar)
ATBASH: Final = Decoder("atbash", atbash)
REVERSED: Final = Decoder("reversed", backwards)
REVERSED_WORDS: Final = Decoder("reversed_words", backward_words)
UPSIDE_DOWN: Final = Decoder("upside_down", upside_down)
