"""Topics that the house does not want here: words of its policy (`topics:`).

**What it looks at**: every reading of a message, but for the system's. A topic is named by its
words and phrases; one of them is a mention (0.6), two different ones are talk of it (0.9).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from re import Pattern

from strongroom.guard.detectors._phrases import phrase_pattern
from strongroom.guard.records import Detection, Message, Source, View


@dataclass(frozen=True, slots=True)
class Topics:
    """See the module."""

    name: str = "topic.words"
    version: int = 1
    kinds: tuple[str, ...] = ("topic.denied",)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """The first place of each topic."""
        if message.source is Source.SYSTEM:
            return
        for topic, words in message.grounds.topics:
            pattern = _pattern(words)
            for view in message.views:
                if found := self._found(topic, pattern, view):
                    yield found
                    break

    def _found(self, topic: str, pattern: Pattern[str], view: View) -> Detection | None:
        first = pattern.search(view.folded)
        if first is None:
            return None
        other = any(m.group() != first.group() for m in pattern.finditer(view.folded, first.end()))
        span = view.folded_to_original(*first.span())
        how = view.how_of(*view.fold_trail.back(*first.span()))
        score = 0.9 if other else 0.6
        detector = f"{self.name}@{self.version}"
        return Detection(detector, "topic.denied", score, span, how, {"topic": topic})


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> Pattern[str]:
    return phrase_pattern(words)


def load() -> Topics:
    """The detector."""
    return Topics()
