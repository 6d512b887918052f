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
    aligned: bool = False
    """Whether each character stands for the one in the same place; else the piece is one lump."""


class Trail:
    """Leads from a text back to the original. This one leads to the same place."""

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        return a, b

    def how(self, a: int, b: int) -> tuple[str, ...]:  # noqa: ARG002 - nothing was undone here
        """What was undone to read `[a:b]`, outermost first."""
        return ()


IDENTITY: Final = Trail()


@dataclass(frozen=True)
class Spliced(Trail):
    """A text in which pieces were replaced; all else is as it was."""

    pieces: Sequence[Piece]
    """In order, not overlapping."""
    before: Trail = IDENTITY
    """From the text that was decoded to the original."""
    name: str = ""
    """The decoder that found the pieces; empty if it is not worth telling."""

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
        return self.before.back(*self._back(a, b))

    def how(self, a: int, b: int) -> tuple[str, ...]:
        """What was undone to read `[a:b]`, outermost first."""
        before = self.before.how(*self._back(a, b))
        return (*before, self.name) if self.name and self._touches(a, b) else before

    def _back(self, a: int, b: int) -> tuple[int, int]:
        first = self._place(a)[0]
        last = self._place(b - 1)[1] if b > a else first
        return first, max(first, last)

    def _place(self, at: int) -> tuple[int, int]:
        """The span, before the replacements, of one character."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return at, at + 1
        piece, inside = self.pieces[index], at - self._starts[index]
        if inside >= len(piece.text):
            place = piece.end + inside - len(piece.text)
            return place, place + 1
        if piece.aligned:
            return piece.start + inside, piece.start + inside + 1
        return piece.start, piece.end

    def _touches(self, a: int, b: int) -> bool:
        """Whether `[a:b]` holds some of a replacement, or the place of one that left nothing."""
        first = max(bisect_right(self._starts, a) - 1, 0)
        last = bisect_right(self._starts, max(a, b - 1))
        return any(
            self._starts[index] + len(self.pieces[index].text) > a
            or (not self.pieces[index].text and self._starts[index] > a)
            for index in range(first, last)
        )


@dataclass(frozen=True)
class Told(Trail):
    """The same text, with something to tell about all of it."""

    names: tuple[str, ...]
    before: Trail = IDENTITY

    def back(self, a: int, b: int) -> tuple[int, int]:
        """The span of the original that `[a:b]` was made from."""
        return self.before.back(a, b)

    def how(self, a: int, b: int) -> tuple[str, ...]:
        """What was undone to read `[a:b]`, outermost first."""
        return (*self.before.how(a, b), *self.names)


def splice(text: str, pieces: Iterable[Piece]) -> str:
    """The text with each piece replaced."""
    parts: list[str] = []
    at = 0
    for piece in pieces:
        parts += (text[at : piece.start], piece.text)
        at = piece.end
    return "".join((*parts, text[at:]))


def in_order(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces by place; of those that overlap, the first."""
    kept: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: (p.start, -p.end)):
        if not kept or piece.start >= kept[-1].end:
            kept.append(piece)
    return kept
