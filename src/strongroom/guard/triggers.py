"""Which of many words stand somewhere in a text, in one pass (Aho-Corasick).

The only place that knows the library: `ahocorasick-rs`, of the guard extra.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from strongroom.domain.errors import MissingExtra


def automaton(words: Sequence[str]) -> Any:
    """Finds any of the words anywhere. Raises MissingExtra without the guard extra."""
    try:
        from ahocorasick_rs import AhoCorasick  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("guard", "finding many words at once") from error
    return AhoCorasick(list(words), store_patterns=False)


class Triggers:
    """Groups of words; tells which groups have a word in a text."""

    def __init__(self, groups: Iterable[Iterable[str]]) -> None:
        """`groups`: words as they stand in a folded text, not empty."""
        owners: dict[str, set[int]] = {}
        for number, words in enumerate(groups):
            for word in words:
                owners.setdefault(word, set()).add(number)
        self._owners = list(owners.values())
        self._automaton = automaton(list(owners)) if owners else None

    def groups(self, folded: str) -> set[int]:
        """The numbers of the groups of which a word stands in a folded text."""
        if self._automaton is None:
            return set()
        hits = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        found: set[int] = set()
        for index in {hit[0] for hit in hits}:
            found |= self._owners[index]
        return found
