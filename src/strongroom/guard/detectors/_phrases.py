"""Finds phrases in readings, as whole words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from strongroom.guard.folding import folded
from strongroom.guard.records import Detection, View


def folded_phrases(phrases: Iterable[str]) -> list[str]:
    """The phrases as they stand in folded text, the longest first."""
    return sorted({folded(p).strip() for p in phrases} - {""}, key=len, reverse=True)


def phrase_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of the phrases, for folded text. Scripts without spaces have no ends of words."""
    options = folded_phrases(phrases)
    if not options:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, options))})(?![a-z0-9])")


def first_places(
    views: Iterable[View], pattern: re.Pattern[str], most: int, told: tuple[str, str, float]
) -> Iterator[Detection]:
    """The first places in which the phrases stand, each once; `told` is who, what and how sure."""
    seen: set[tuple[int, int]] = set()
    for view in views:
        for match in pattern.finditer(view.folded):
            span = view.folded_to_original(*match.span())
            if span not in seen:
                seen.add(span)
                how = view.how_of(*view.fold_trail.back(*match.span()))
                yield Detection(*told, span, how)
            if len(seen) >= most:
                return
