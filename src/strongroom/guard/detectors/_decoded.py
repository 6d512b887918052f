"""Stretches of a reading that were dug out of something: they are judged on their own too.

An order in a hidden comment or a data address is a few words among others, and would be drowned.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from strongroom.guard.records import View

Stretch = tuple[int, int]
_WORD: Final = re.compile(r"\S+")
MAX_WORDS: Final = 4_000
"""Beyond that a reading is judged as a whole only."""
SHORTEST: Final = 8
"""Characters that can hold an order."""


def stretches_of(view: View) -> list[Stretch]:
    """Runs of words that more was undone for than for the rest, where there is such a rest."""
    if not view.how:
        return []
    words = [(match.start(), match.end()) for match in _WORD.finditer(view.text)]
    if len(words) > MAX_WORDS:
        return []
    depths = [len(view.how_of(start, end)) for start, end in words]
    least = min(depths, default=0)
    runs = [list(run) for _, run in groupby(zip(words, depths, strict=True), key=lambda w: w[1])]
    return [
        (run[0][0][0], run[-1][0][1])
        for run in runs
        if run[0][1] > least and run[-1][0][1] - run[0][0][0] >= SHORTEST
    ]
