"""Changes of surface that must not change a judgement: case, typos, endings."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_LEET: Final = str.maketrans("aeiost", "431057")
_ENDINGS: Final = ".!?"


def varied(text: str, rng: random.Random) -> str:
    """The text as one of many people might have typed it."""
    if rng.random() < 0.85:
        text = text[:1].upper() + text[1:]
    roll = rng.random()
    if roll < 0.18:
        return text.rstrip(_ENDINGS)
    if roll < 0.28:
        return text.lower().rstrip(_ENDINGS)
    if roll < 0.31:
        return text.upper()
    if roll < 0.38:
        return _typo(text, rng)
    return text


def disguised(text: str, rng: random.Random) -> str:
    """The text in a light disguise that the normaliser may leave in place."""
    return rng.choice(_DISGUISES)(text)


def _typo(text: str, rng: random.Random) -> str:
    """Two neighbours swapped, or one letter lost."""
    if len(text) < 8:
        return text
    at = rng.randrange(2, len(text) - 3)
    if rng.random() < 0.5:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]


def _leet(text: str) -> str:
    return text.translate(_LEET)


def _spaced(text: str) -> str:
    return " ".join(text)


def _dotted(text: str) -> str:
    return text.replace(" ", ".")


def _joined(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in text.split())


def _snake(text: str) -> str:
    return text.replace(" ", "_").lower()


_DISGUISES: Final[tuple[Callable[[str], str], ...]] = (_leet, _spaced, _dotted, _joined, _snake)
