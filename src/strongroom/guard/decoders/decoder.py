"""What a decoder is, and how decoded bytes are told from noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.guard.folding import READING
from strongroom.guard.spans import Piece

Decode: TypeAlias = Callable[[str], Sequence[Piece]]
"""Finds what is encoded in a text, in order, not overlapping. Never raises; linear time."""
SHORTEST: Final = 4
"""Characters that say something."""
WORDY: Final = 0.3
"""Share that is letters, digits and spaces; encoded text inside encoded text has few."""
READABLE: Final = 0.95
"""Share of a text's characters that can be seen."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """One way of encoding text."""

    name: str
    """As it is told in `Detection.decoded`."""
    decode: Decode


def as_text(data: bytes) -> str | None:
    """The text that bytes hold, or None if they look like noise."""
    if len(data) >= 8 and data[1::2].count(0) * 2 > len(data) * 0.8:
        return _readable(data.decode("utf-16-le", "replace"))
    try:
        return _readable(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _readable(text: str) -> str | None:
    text = text.strip("\0")
    if len(text) < SHORTEST:
        return None
    shown = text if text.isascii() else text.translate(READING)
    seen = sum(char.isprintable() or char in "\n\r\t" for char in shown)
    words = sum(char.isalnum() or char == " " for char in shown)
    return text if seen >= READABLE * len(shown) and words >= WORDY * len(shown) else None
