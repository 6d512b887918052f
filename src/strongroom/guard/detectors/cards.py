"""Card numbers: issuer ranges, lengths, Luhn; grouped, in one run, or digit by digit.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: one number in ten passes Luhn. So digits are taken together only where they are
written as cards are (4-4-4-4, 4-6-5, one run), digit by digit, or after a word such as "card".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import digits
from typing import Final

from strongroom.domain.identifiers import facts, is_card
from strongroom.guard.decoders.shape import Shape
from strongroom.guard.detectors.values import hint_pattern, named, told
from strongroom.guard.records import Detection, Message, View

LENGTHS: Final = range(13, 20)
FIRST: Final = frozenset(
    prefix[0] for issuer in facts()["cards"]["ranges"] for prefix in issuer["prefixes"]
)
"""Digits that some network's numbers begin with."""
LAYOUTS: Final = {
    (4, 4, 4, 4), (4, 4, 4, 4, 3),
    (4, 4, 4, 2), (4, 6, 5), (4, 6, 4), (4, 4, 5), (8, 8), (6, 10), (6, 6, 4),
    (4, 12), (12, 4), (6, 9), (6, 8), (4, 4, 8),
}  # fmt: skip
"""Digits of the groups in which people write card numbers."""
_RUN: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:(?<=%)[Bb])?([0-9](?:[ .\-_/:,*·\n]{0,3}[0-9]){12,}+)(?![A-Za-z])"
)
_GROUP: Final = re.compile("[0-9]+")
_DIGITS: Final = Shape({"d": digits})
_HINTS: Final = (
    *facts()["hints"]["card"],
    *("card", "carte", "karte", "tarjeta", "carta", "cartao", "kad", "visa", "mastercard", "amex"),
)


@dataclass(frozen=True, slots=True)
class Cards:
    """See the module."""

    hints: re.Pattern[str]
    name: str = "pii.cards"
    version: int = 1
    kinds: tuple[str, ...] = ("pii.pan",)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every card number, once."""
        seen: set[tuple[int, int]] = set()
        for view in message.views:
            if _DIGITS.of(view.text).count(b"d") < LENGTHS.start:
                continue
            for run in _RUN.finditer(view.text):
                for score, span in self._cards(view, run):
                    detection = told(f"{self.name}@{self.version}", view, "pii.pan", score, span)
                    if detection.span not in seen:
                        seen.add(detection.span)
                        yield detection

    def _cards(self, view: View, run: re.Match[str]) -> Iterator[tuple[float, tuple[int, int]]]:
        """The card numbers in a run of digits and separators, the first that fits at each place."""
        offset = run.start(1)
        groups = [m.span() for m in _GROUP.finditer(run.group(1))]
        sizes = [b - a for a, b in groups]
        is_named = named(view.text, offset, self.hints)
        first = 0
        while first < len(groups):
            found = _card_at(run.group(1), groups, sizes, first, is_named=is_named)
            if found is None:
                first += 1
                continue
            score, last = found
            yield score, (offset + groups[first][0], offset + groups[last][1])
            first = last + 1


def _card_at(
    text: str, groups: list[tuple[int, int]], sizes: list[int], first: int, *, is_named: bool
) -> tuple[float, int] | None:
    """The longest card number that begins with a group, and its last group."""
    best, total = None, 0
    if text[groups[first][0]] not in FIRST:
        return None
    for last in range(first, min(len(groups), first + LENGTHS.stop)):
        total += sizes[last]
        if total not in LENGTHS:
            if total >= LENGTHS.stop:
                break
            continue
        score = _score(sizes[first : last + 1], whole=len(groups) == last - first + 1)
        if is_named:
            score = round(max(score, 0.7) + 0.05, 2)
        value = "".join(text[a:b] for a, b in groups[first : last + 1])
        if score and is_card(value):
            best = (score, last)
    return best


def _score(sizes: list[int], *, whole: bool) -> float:
    """How sure digits in such groups are one number, given that the check digit fits."""
    if tuple(sizes) in LAYOUTS:
        return 0.95 if sizes[0] == 4 else 0.8
    if len(sizes) == 1:
        return 0.8
    if whole and (set(sizes) == {1} or len(sizes) <= 8):
        return 0.75
    return 0.7 if set(sizes) == {1} and len(sizes) in (15, 16) else 0.0


def load() -> Cards:
    """The detector."""
    return Cards(hint_pattern(_HINTS))
