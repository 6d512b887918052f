"""Copies of the system prompt in the making: held before they are long enough to be a leak."""

from __future__ import annotations

import re
from typing import Final

from strongroom.guard.detectors.leaks import RUN
from strongroom.guard.folding import folded
from strongroom.guard.records import Grounds

FEWEST: Final = 3
"""Words of the prompt in a row that are held; two are in every text."""
_WORD: Final = re.compile(r"[^\W_]+")


class Echoes:
    """Watches the end of an output for words of the system prompt, and for canaries."""

    def __init__(self, grounds: Grounds) -> None:
        self._prompt = f" {' '.join(_WORD.findall(folded(grounds.prompt)))} "
        self._known = frozenset(self._prompt.split())
        self._canaries = tuple(folded(canary) for canary in grounds.canaries)

    def open_from(self, pending: str) -> tuple[int, bool]:
        """Where a copy begins that reaches to the end, and whether it is long enough to judge."""
        at, sure = len(pending), False
        if len(self._prompt) > 2:
            at, sure = self._copy(pending)
        for canary in self._canaries:
            begun = _begun(pending, canary)
            at, sure = min(at, begun), sure or canary in folded(pending)
        return at, sure

    def _copy(self, pending: str) -> tuple[int, bool]:
        words = list(_WORD.finditer(pending))[-RUN:]
        if len(words) < FEWEST or folded(words[-2].group()) not in self._known:
            return len(pending), False  # all words of a copy but the last are whole
        said = [folded(word.group()) for word in words]
        for first in range(len(said) - FEWEST + 1):
            if f" {' '.join(said[first:])}" in self._prompt:
                return words[first].start(), len(words) - first >= RUN
        return len(pending), False


def _begun(pending: str, canary: str) -> int:
    """Where the longest ending stands that a canary begins with."""
    for start in range(max(0, len(pending) - len(canary)), len(pending)):
        if canary.startswith(folded(pending[start:])):
            return start
    return len(pending)
