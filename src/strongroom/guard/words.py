"""Whether an undone disguise makes sense: words in clear, and the same words in disguise."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from string import ascii_lowercase
from typing import Final

from strongroom.guard.folding import folded

ALPHABET: Final = ascii_lowercase
LEAST: Final = 4
"""Letters of a word that is no accident in disguise."""
LONGEST: Final = 20
_LETTERS: Final = bytes(
    ord(chr(code).lower()) if chr(code).isalpha() and code < 128 else 32 for code in range(256)
)
"""ASCII letters as small ones, all else as spaces."""


@cache
def vocabulary() -> frozenset[str]:
    """Folded words of several languages: common ones, and those that orders are made of."""
    here = resources.files("strongroom.guard")
    common = tomllib.loads(here.joinpath("vocabulary.toml").read_text("utf-8"))
    words = {folded(word) for text in common.values() for word in text.split()}
    for file in here.joinpath("detectors", "injection", "words").iterdir():
        if file.name.endswith(".toml") and file.name != "markers.toml":
            classes = tomllib.loads(file.read_text("utf-8"))
            phrases = folded(" ".join(form for forms in classes.values() for form in forms))
            words |= {word for word in phrases.split() if len(word) >= LEAST and word.isalpha()}
    return frozenset(words)


def rotated(text: str, by: int) -> str:
    """ASCII letters moved through the alphabet, as ROT13 does by 13."""
    return text.translate(_rotation(by))


@cache
def _rotation(by: int) -> dict[int, int]:
    moved = ALPHABET[by:] + ALPHABET[:by]
    return str.maketrans(ALPHABET + ALPHABET.upper(), moved + moved.upper())


def mirrored_alphabet(text: str) -> str:
    """Atbash: a for z, b for y."""
    return text.translate(_ATBASH)


_ATBASH: Final = str.maketrans(ALPHABET + ALPHABET.upper(), ALPHABET[::-1] + ALPHABET[::-1].upper())


@cache
def _disguises() -> Mapping[bytes, tuple[str, ...]]:
    """Every word in every disguise, to the names of the disguises."""
    ascii_words = (w for w in vocabulary() if len(w) >= LEAST and w.isascii() and w.isalpha())
    words = " ".join(ascii_words).encode()
    clear = frozenset(words.split())
    table: dict[bytes, tuple[str, ...]] = {}
    for name, disguised in _in_disguise(words):
        for form in disguised.split():
            if form not in clear:
                table[form] = (*table.get(form, ()), name)
    return table


def _in_disguise(words: bytes) -> Iterator[tuple[str, bytes]]:
    """Small letters and spaces in each disguise, all words at once: that is a second faster."""
    alphabet = ALPHABET.encode()
    for by in range(1, 26):
        moved = bytes.maketrans(alphabet, alphabet[by:] + alphabet[:by])
        yield f"rot{26 - by}", words.translate(moved)
    yield "atbash", words.translate(bytes.maketrans(alphabet, alphabet[::-1]))
    yield "reversed", words[::-1]


@lru_cache(maxsize=16)
def disguises_in(text: str) -> Mapping[str, int]:
    """How many different words of a text are vocabulary in each disguise."""
    table = _disguises()
    letters = text.encode("ascii", "replace").translate(_LETTERS)
    hits = table.keys() & set(letters.split())
    return Counter() if not hits else Counter(name for hit in hits for name in table[hit])


def known(words: Iterable[str]) -> int:
    """How many of the words are in clear."""
    return sum(word in vocabulary() for word in words)


def segmented(letters: str) -> list[str] | None:
    """Letters without spaces, cut into known words; None if they make none.

    Costs LONGEST steps a letter: each place keeps the cut with the fewest letters left over.
    """
    lower = letters.lower()
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(lower) + 1):
        options = [
            (best[start][0], start)
            for start in range(max(0, end - LONGEST), end - 1)
            if lower[start:end] in vocabulary()
        ]
        best.append(min([*options, (best[end - 1][0] + 3, end - 1)]))
    if best[-1][0] > len(letters):
        return None
    words, end = [], len(lower)
    while end:
        start = best[end][1]
        words.append(letters[start:end])
        end = start
    return words[::-1]
