"""Trails: from a place in a decoded text back to the place in the text that it was made from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple


class Piece(NamedTuple):
    """A stretch of a text that reads as something else."""

    start: int
    end: int
    """In the text that is decoded, as a slice."""
    text: str
    """What it says."""


class Trail:
    """Leads from a text back to the original. This one leads to the same place."""

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        return a, b


IDENTITY: Final = Trail()


@dataclass(frozen=True)
class Spliced(Trail):
    """A text in which pieces were replaced; all else is as it was.

    A place inside a replacement leads back to the whole piece, or to the same place in it where the
    piece kept its length.
    """

    pieces: Sequence[Piece]
    """In order, not overlapping."""
    before: Trail = IDENTITY
    """From the text that was decoded to the original."""

    @cached_property
    def _starts(self) -> list[int]:
        """Where each replacement starts in the new text."""
        shift, starts = 0, []
        for piece in self.pieces:
            starts.append(piece.start + shift)
            shift += len(piece.text) - (piece.end - piece.start)
        return starts

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        first = self._place(a)[0]
        last = self._place(b - 1)[1] if b > a else first
        return self.before.back(first, max(first, last))

    def _place(self, at: int) -> tuple[int, int]:
        """The span, before the replacements, of one character."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return at, at + 1
        piece, inside = self.pieces[index], at - self._starts[index]
        if inside >= len(piece.text):
            place = piece.end + inside - len(piece.text)
            return place, place + 1
        if len(piece.text) == piece.end - piece.start:
            return piece.start + inside, piece.start + inside + 1
        return piece.start, piece.end


@dataclass(frozen=True)
class Mirrored(Trail):
    """A text written backwards."""

    length: int
    before: Trail = IDENTITY

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        return self.before.back(self.length - b, self.length - a)


def splice(text: str, pieces: Iterable[Piece]) -> str:
    """The text with each piece replaced."""
    parts, at = [], 0
    for piece in pieces:
        parts += (text[at : piece.start], piece.text)
        at = piece.end
    parts.append(text[at:])
    return "".join(parts)
