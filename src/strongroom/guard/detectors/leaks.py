"""The system prompt in an output: planted canaries, and long copies.

**What it looks at**: every reading of an output, so an encoded or spaced-out copy is seen too.

**What it says**: a canary is proof. A run of twelve words or more that stands in the system prompt
is a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from strongroom.guard.folding import folded
from strongroom.guard.records import Detection, Message, Source

RUN: Final = 12
"""Words in a row that are no accident."""
_STEP: Final = 6
"""Every run of RUN words holds a run of so many that begins at a multiple of it."""
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Leaks:
    """See the module."""

    name: str = "leak.prompt"
    version: int = 1
    kinds: tuple[str, ...] = ("leak.canary", "leak.prompt")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Each canary, and the first copied run of each reading."""
        if message.source is not Source.OUTPUT:
            return
        for canary in message.grounds.canaries:
            yield from self._canary(message, folded(canary))
        if message.grounds.prompt:
            yield from self._copy(message)

    def _canary(self, message: Message, canary: str) -> Iterator[Detection]:
        joined = canary.replace(" ", "")
        for view in message.views:
            at = view.folded.find(canary)
            if at >= 0:
                span = view.folded_to_original(at, at + len(canary))
                how = view.how_of(*view.fold_trail.back(at, at + len(canary)))
                yield self._told("leak.canary", 1.0, span, how)
                return
        if joined in re.sub(r"[\W_]", "", message.views[0].folded) and joined.isalnum():
            yield self._told("leak.canary", 0.95, (0, len(message.text)), ("spaced",))

    def _copy(self, message: Message) -> Iterator[Detection]:
        runs, hints = _runs(message.grounds.prompt, RUN), _runs(message.grounds.prompt, _STEP)
        for view in message.views if runs else ():
            said = _WORD.findall(view.folded)
            steps = range(0, len(said) - _STEP + 1, _STEP)
            if not any(tuple(said[at : at + _STEP]) in hints for at in steps):
                continue
            for first in range(len(said) - RUN + 1):
                if tuple(said[first : first + RUN]) in runs:
                    words = list(_WORD.finditer(view.folded))
                    a, b = words[first].start(), words[first + RUN - 1].end()
                    how = view.how_of(*view.fold_trail.back(a, b))
                    yield self._told("leak.prompt", 0.9, view.folded_to_original(a, b), how)
                    return

    def _told(
        self, kind: str, score: float, span: tuple[int, int], how: tuple[str, ...]
    ) -> Detection:
        return Detection(f"{self.name}@{self.version}", kind, score, span, how)


@lru_cache(maxsize=64)
def _runs(prompt: str, length: int) -> frozenset[tuple[str, ...]]:
    """All runs of so many words of a prompt."""
    words = _WORD.findall(folded(prompt))
    return frozenset(tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def load() -> Leaks:
    """The detector."""
    return Leaks()
