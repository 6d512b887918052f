"""Rules over classes of words: which must stand near each other, and what that is worth."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from strongroom.guard.detectors.injection.lexicon import ANY, Found, Hit

MAX_NEAR: Final = 400
"""Words of one slot looked at around one anchor."""
MAX_TOLD: Final = 3
"""Places told of one rule in one language; the first is enough to act on."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Words of these classes near each other are an order to an assistant."""

    id: str
    kind: str
    needs: tuple[frozenset[str], ...]
    """One word of each set."""
    within: int
    """Characters from the first to the last."""
    user: float
    """Score where somebody speaks who may give orders; 0 if it then says nothing."""
    data: float
    """Score where nobody may."""
    howto: bool
    """Whether a question about the matter counts half, from a user."""
    hits: tuple[str, ...]
    misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that holds somewhere in a folded text."""

    rule: Rule
    language: str
    start: int
    end: int


@cache
def seeds() -> frozenset[str]:
    """Classes of which every rule needs one."""
    return frozenset(_file()["seeds"])


@cache
def _file() -> Mapping[str, Any]:
    file = resources.files("strongroom.guard.detectors.injection").joinpath("rules.toml")
    return tomllib.loads(file.read_text("utf-8"))


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of `rules.toml`."""
    return tuple(
        Rule(
            **{
                **raw,
                "needs": tuple(frozenset(need.split("|")) for need in raw["needs"]),
                "hits": tuple(raw["hits"]),
                "misses": tuple(raw["misses"]),
            }
        )
        for raw in _file()["rule"]
    )


def matches(found: Found) -> Iterator[Match]:
    """Every rule that holds in some language, at its first places."""
    marks = found.get(ANY, {})
    for language, words in sorted(found.items()):
        known = words if language == ANY else {**words, **marks}
        for rule in rules():
            if language == ANY or not all(need & marks.keys() for need in rule.needs):
                for start, end in _places(rule, known):
                    yield Match(rule, language, start, end)


def _places(rule: Rule, words: Mapping[str, Sequence[Hit]]) -> Iterator[tuple[int, int]]:
    """Where a word of each need stands near the others, none overlapping another."""
    slots: list[list[Hit]] = []
    for need in rule.needs:
        slot = [hit for name in need if name in words for hit in words[name]]
        if not slot:
            return
        slots.append(sorted(slot))
    slots.sort(key=len)
    told, after = 0, -1
    for anchor in slots[0]:
        if anchor.start < after:
            continue
        span = _span(anchor, slots[1:], rule.within)
        if span is not None:
            yield span
            told, after = told + 1, span[1]
            if told == MAX_TOLD:
                return


def _span(anchor: Hit, slots: list[list[Hit]], within: int) -> tuple[int, int] | None:
    """The narrowest place around an anchor that holds one word of each slot."""
    taken = [anchor]
    start, end = anchor
    for slot in slots:
        near = [
            hit
            for hit in _between(slot, end - within, start + within)
            if all(hit.end <= other.start or hit.start >= other.end for other in taken)
        ]
        if not near:
            return None
        best = min(near, key=lambda hit: max(end, hit.end) - min(start, hit.start))
        start, end = min(start, best.start), max(end, best.end)
        if end - start > within:
            return None
        taken.append(best)
    return start, end


def _between(hits: list[Hit], low: int, high: int) -> list[Hit]:
    """The hits that lie between two places."""
    first = bisect_left(hits, (low,))
    near = []
    for hit in hits[first : first + MAX_NEAR]:
        if hit.start >= high:
            break
        if hit.end <= high:
            near.append(hit)
    return near
