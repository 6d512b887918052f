"""Abuse that no single message shows: what one user does over time.

Pure: time is an argument, and memory is bounded. Of texts nothing is kept but 64-bit sketches.

* **escalation**: several messages of one conversation that each come near a line, or were stopped
* **extraction**: many queries that are almost alike, as who maps a model or fishes for its prompt
* **wallet**: far more spent in an hour than the user's own hours before
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from strongroom.guard.folding import folded
from strongroom.guard.records import Action, Detection

VERSION: Final = 1
_WORD: Final = re.compile(r"[^\W_]+")
_BITS: Final = 64
_SHORT: Final = 16
"""Characters; shorter texts ("yes", "thank you") are alike and mean nothing."""
_NEAR_BITS: Final = 14
"""Sketches that differ in no more bits are of texts that are almost alike."""
_MAX_CHARS: Final = 4_000
_MAX_WORDS: Final = 200
"""From the beginning; some 2 ms."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something counts; times are seconds."""

    near: float = 0.3
    """Score from which on a message comes near a line."""
    escalation: int = 4
    """Such messages within `window`."""
    alike: int = 25
    """Queries that are almost alike within `window`."""
    window: float = 3_600.0
    spending: float = 10.0
    """Times the mean of the hours before."""
    least: int = 50_000
    """Tokens in an hour below which nobody minds."""
    users: int = 10_000
    kept: int = 200
    """Messages of one user."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a user, judged."""

    at: float
    """Seconds since the epoch."""
    text: str
    score: float
    action: Action
    tokens: int


@dataclass(slots=True)
class _User:
    seen: deque[tuple[float, int, bool]]
    """When, its sketch, and whether it came near a line."""
    hours: OrderedDict[int, int] = field(default_factory=OrderedDict)
    """Tokens by hour; the last day's."""


class Watch:
    """Remembers what users did lately; those that were idle longest are forgotten first."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._users: OrderedDict[str, _User] = OrderedDict()

    def __len__(self) -> int:
        return len(self._users)

    def see(self, user: str, turn: Turn) -> tuple[Detection, ...]:
        """Take in a message; what it makes of all that came before."""
        limits = self._limits
        known = self._users.pop(user, None) or _User(deque(maxlen=limits.kept))
        self._users[user] = known
        while len(self._users) > limits.users:
            self._users.popitem(last=False)
        while known.seen and known.seen[0][0] <= turn.at - limits.window:
            known.seen.popleft()
        mine = sketch(turn.text)
        alike = sum((one ^ mine).bit_count() <= _NEAR_BITS for _, one, _ in known.seen) + 1
        near = turn.score >= limits.near or turn.action.rank >= Action.FLAG.rank
        known.seen.append((turn.at, mine, near))
        nears = sum(near for _, _, near in known.seen)
        spent, usual = _spent(known.hours, turn)
        span = (0, len(turn.text))
        said = (
            ("abuse.escalation", near * nears / limits.escalation),
            ("abuse.extraction", alike / limits.alike if len(turn.text) >= _SHORT else 0.0),
            ("abuse.wallet", _excess(spent, usual, limits)),
        )
        return tuple(
            Detection(f"{kind}@{VERSION}", kind, _score(times), span)
            for kind, times in said
            if times >= 1
        )


def sketch(text: str) -> int:
    """64 bits that are alike for texts that are alike (SimHash over words and pairs of words).

    Source: M. Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002.
    """
    found = _WORD.findall(folded(text[:_MAX_CHARS]))[:_MAX_WORDS]
    words = ["0" if any(map(str.isdigit, word)) else word for word in found]  # slots of a form
    votes = [0] * _BITS
    for feature in (*words, *map(" ".join, pairwise(words))):
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        for bit in range(_BITS):
            votes[bit] += 1 if number >> bit & 1 else -1
    return sum(1 << bit for bit, vote in enumerate(votes) if vote > 0)


def _spent(hours: OrderedDict[int, int], turn: Turn) -> tuple[int, float]:
    """Tokens of this hour, and the mean of the hours before in which there were any."""
    hour = int(turn.at // 3_600)
    hours[hour] = hours.get(hour, 0) + turn.tokens
    for old in [h for h in hours if h <= hour - 24]:
        del hours[old]
    before = [tokens for h, tokens in hours.items() if h < hour]
    return hours[hour], sum(before) / len(before) if before else 0.0


def _excess(spent: int, usual: float, limits: Limits) -> float:
    """How many times what is still usual was spent."""
    return spent / max(limits.least, usual * limits.spending)


def _score(times: float) -> float:
    """0.6 where a limit is reached, 1 where it is reached twice over."""
    return round(min(1.0, 0.2 + 0.4 * times), 3)
