"""Takes what was found out of a text, and leaves a word in its place that says what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from strongroom.guard.records import Detection, Span
from strongroom.guard.spans import Piece, splice

Word: TypeAlias = Callable[[Detection], str | None]
_WORDS: Final = {"secret": "SECRET", "injection": "REMOVED", "jailbreak": "REMOVED"}


def masked(text: str, detections: Iterable[Detection], word: Word | None = None) -> str:
    """The text without the places that were found; those that overlap become one.

    `word` gives what stands in a place, or None where the placeholder does.
    """
    pieces: list[Piece] = []
    for detection in sorted(detections, key=lambda d: (d.span[0], -d.span[1], d.kind)):
        start, end = _clipped(detection.span, len(text))
        if start >= end:
            continue
        if pieces and start < pieces[-1].end:
            if end > pieces[-1].end:  # a pseudonym would stand for a part of it only
                pieces[-1] = Piece(pieces[-1].start, end, placeholder(detection.kind))
        else:
            own = word(detection) if word else None
            pieces.append(Piece(start, end, own or placeholder(detection.kind)))
    return splice(text, pieces)


def placeholder(kind: str) -> str:
    """`[PAN]` for `pii.pan`. Holds no digit, so it is never found again."""
    general, _, special = kind.partition(".")
    word = _WORDS.get(general) or (special or general).rsplit(".", maxsplit=1)[-1].upper()
    return f"[{word}]"


def _clipped(span: Span, length: int) -> Span:
    return max(0, span[0]), min(length, span[1])
