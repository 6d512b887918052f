"""Cuts texts into overlapping windows (what a user says) and into segments (what data says).

An order in data is a sentence or two among others, so data is read by sentence, line or cell; a
user's words are judged together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SIZE: Final = 440
"""Characters of a window; about 100 to 120 tokens of European text."""
STRIDE: Final = 330
SEGMENT: Final = 280
"""Longest segment, in characters."""
_SHORT: Final = 50
"""Sentences and cells shorter than this are read together with short ones that follow."""
_SLACK: Final = 40
_SENTENCE: Final = re.compile(
    r"[^\n|.!?。！？؟]{0,280}(?:[\n|.!?。！？؟]+[\"'”»)\]]*|$)|.{1,280}", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a text and where it lay."""

    text: str
    start: int
    end: int


def windows_of(text: str, limit: int) -> Iterator[Window]:
    """Windows over the text, cut at spaces where there are some; at most `limit`, evenly spread."""
    if len(text) <= SIZE + _SLACK:
        yield Window(text, 0, len(text))
        return
    starts = range(0, max(1, len(text) - (SIZE - STRIDE)), STRIDE)
    step = max(1, -(-len(starts) // limit))
    for at in starts[::step]:
        start = _at_space(text, at)
        end = _at_space(text, at + SIZE)
        yield Window(text[start:end], start, end)


def segments_of(text: str, limit: int) -> list[Window]:
    """A sentence, line or table cell each, or a few short ones; at most `limit`, evenly spread.

    A long sentence is read alone: a few words before it would blur what it says.
    """
    found: list[Window] = []
    start = end = 0
    for match in _SENTENCE.finditer(text):
        stop = match.end()
        if end > start and (end - start >= _SHORT or stop - end >= _SHORT):
            found.append(Window(text[start:end], start, end))
            start = end
        end = stop
    if end > start:
        found.append(Window(text[start:end], start, end))
    step = max(1, -(-len(found) // limit))
    return [piece for piece in found[::step] if any(map(str.isalnum, piece.text))]


def _at_space(text: str, at: int) -> int:
    """The next space close by, or the position itself."""
    if at <= 0 or at >= len(text):
        return max(0, min(at, len(text)))
    found = text.find(" ", at, at + _SLACK)
    return at if found < 0 else found
