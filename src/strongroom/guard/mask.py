"""Takes what was found out of a text, and leaves a word in its place that says what it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.guard.records import Detection, Span
from strongroom.guard.spans import Piece, splice

_WORDS: Final = {"secret": "SECRET", "injection": "REMOVED", "jailbreak": "REMOVED"}


def masked(text: str, detections: Iterable[Detection]) -> str:
    """The text without the places that were found; those that overlap become one."""
    pieces: list[Piece] = []
    for detection in sorted(detections, key=lambda d: (d.span, d.kind)):
        (start, end), word = _clipped(detection.span, len(text)), placeholder(detection.kind)
        if start >= end:
            continue
        if pieces and start < pieces[-1].end:
            last = pieces[-1]
            pieces[-1] = Piece(last.start, max(last.end, end), last.text)
        else:
            pieces.append(Piece(start, end, word))
    return splice(text, pieces)


def placeholder(kind: str) -> str:
    """`[PAN]` for `pii.pan`. Holds no digit, so it is never found again."""
    general, _, special = kind.partition(".")
    word = _WORDS.get(general) or (special or general).rsplit(".", maxsplit=1)[-1].upper()
    return f"[{word}]"


def _clipped(span: Span, length: int) -> Span:
    return max(0, span[0]), min(length, span[1])
