"""Letters with something between them: `i g n o r e`, `i-g-n-o-r-e`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final

from strongroom.guard.decoders.decoder import Decoder
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.spans import Piece
from strongroom.guard.words import LONGEST, known, segmented

MAX_LETTERS: Final = 4_000
_RUN: Final = re.compile(
    r"(?<![^\W_])[^\W_](?:[ .\-_*|~,·/+\n]{1,5}(?:[^\W_](?![^\W_])|[^\w\s])){4,}+"
)
_SINGLE: Final = Shape({"a": ascii_letters + digits + "?", " ": " .-_*|~,/+\n"})
_GAP: Final = re.compile(r"[ .\-_*|~,·/+\n]+")


def decode(text: str) -> Sequence[Piece]:
    """Runs of single letters that make words."""
    forms = (b" a a a", b" a  a  a", b" a   a   a")
    if not _SINGLE.holds(" " + text, *forms):
        return ()
    return [
        Piece(run.start(), run.end(), said)
        for run in _RUN.finditer(text)
        if (said := _said(run.group()[: 6 * MAX_LETTERS])) is not None
    ]


def _said(run: str) -> str | None:
    gaps = _GAP.findall(run)
    usual = Counter(gaps).most_common(1)[0][0]
    if all(gap == usual for gap in gaps):
        words = segmented(_GAP.sub("", run)[:MAX_LETTERS])
    else:
        parts = _GAP.sub(lambda m: "" if m.group() == usual else " ", run).split()
        words = [word for part in parts for word in _cut(part)]
    if words is None or not (known(w.lower() for w in words) or len(words) < len(gaps) // 3):
        return None
    return " ".join(words)


def _cut(part: str) -> list[str]:
    """A word, or the known words that it is wholly made of."""
    if known([part.lower()]):
        return [part]
    words = segmented(part[:MAX_LETTERS]) or [part]
    exact = known(word.lower() for word in words) == len(words)
    return words if exact or len(part) > LONGEST else [part]


SPACED: Final = Decoder("spaced", decode)
