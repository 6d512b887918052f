"""Leetspeak: digits and signs for the letters that they look like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from string import ascii_letters
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece
from strongroom.guard.words import vocabulary

_READ: Final = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "gb", "7": "t", "8": "b",
    "9": "g", "@": "a", "$": "s", "!": "il", "|": "li", "+": "t", "€": "e", "£": "l", "(": "c",
}  # fmt: skip
_PLAIN: Final = str.maketrans({sign: letters[0] for sign, letters in _READ.items()})
_WORD: Final = re.compile(r"[A-Za-z0-9@$!|+€£(]{2,30}+")
_SIGN: Final = re.compile(r"[0-9@$!|+€£(]")
_MIXED: Final = Shape({"a": ascii_letters, "1": "0123456789@$!|+(?", " ": " \n"})
MAX_FORMS: Final = 16
LEAST: Final = 2
"""Words of the vocabulary in one text; a single one may be a product's name."""


def decode(text: str) -> Sequence[Piece]:
    """All words written so, if some of them are known words."""
    if not _MIXED.holds(" " + text, b"a1a", b" 1a"):
        return ()
    counts = Counter(_WORD.findall(text))
    mixed = {word for word in counts if _SIGN.search(word) and not word.isdigit()}
    read = {word: _known(word.lower()) for word in mixed}
    if sum(counts[w] for w, known in read.items() if known and len(known) > 2) < LEAST:
        return ()
    return [
        Piece(m.start(), m.end(), read[word] or word.lower().translate(_PLAIN), aligned=True)
        for m in _WORD.finditer(text)
        if (word := m.group()) in mixed
    ]


def _known(word: str) -> str | None:
    """The word of the vocabulary that it reads as, punctuation at its end left alone."""
    for form in _forms(word):
        bare = form.rstrip("!(|")
        if bare in vocabulary() or form in vocabulary():
            return form
    return None


def _forms(word: str) -> Iterator[str]:
    stem = word.rstrip("!(")
    options = [_READ.get(char, char) for char in stem]
    ways = 1
    for place, option in enumerate(options):
        ways *= len(option)
        if ways > MAX_FORMS:
            options[place:] = [o[0] for o in options[place:]]
            break
    for letters in product(*options):
        yield "".join(letters) + word[len(stem) :]
    if stem != word:
        yield word.translate(_PLAIN)


LEET: Final = Decoder("leetspeak", decode)
