"""What the history of a user, with its newest message, makes of that message. Pure.

* **escalation**: several messages that each come near a line, or were stopped
* **extraction**: many queries that are almost alike, as who maps a model or fishes for its prompt
* **wallet**: far more spent in an hour than in the hours before
* **identities**: a key that names more users than it can have
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.abuse.sketch import NEAR_BITS
from strongroom.guard.records import Action, Detection

VERSION: Final = 2
KINDS: Final = ("abuse.escalation", "abuse.extraction", "abuse.wallet", "abuse.identities")
KEPT: Final = 200
"""Messages of one user."""
HOURS: Final = 24
"""Hours of spending that are remembered."""
HOUR: Final = 3_600


class Mark(NamedTuple):
    """What is kept of one message. A tuple: two hundred of them are read with each message."""

    at: float
    """Seconds since the epoch."""
    sketch: int
    """0 for a text that is too short to tell."""
    near: bool
    """Whether it came near a line."""


@dataclass(frozen=True, slots=True)
class History:
    """What a memory holds of a user, the newest message included."""

    marks: Sequence[Mark]
    """In the order in which they came; clocks of several gateways may differ."""
    hours: Mapping[int, int] = field(hash=False)
    """Tokens by number of the hour."""
    key_hours: Mapping[int, int] = field(hash=False)
    """The same of all users of the key."""
    crowded: bool = False
    """The key named too many users; this is one of those that count together."""


def comes_near(action: Action, seen: Iterable[Detection], rules: AbuseRules) -> bool:
    """Whether a message was stopped, or a detection of one of the kinds came near a line."""
    kinds = tuple(f"{kind}." for kind in rules.kinds)
    return action is Action.BLOCK or any(
        d.score >= rules.near and f"{d.kind}.".startswith(kinds) for d in seen
    )


def judged(history: History, newest: Mark, rules: AbuseRules) -> tuple[Detection, ...]:
    """What the newest message is a part of."""
    recent = [m for m in history.marks if newest.at - rules.window < m.at]
    near = {m.sketch for m in recent if m.near}
    alike = sum((m.sketch ^ newest.sketch).bit_count() <= NEAR_BITS for m in recent if m.sketch)
    times = (
        len(near) / rules.escalation if newest.near else 0.0,
        alike / rules.alike if newest.sketch else 0.0,
        max(
            _excess(history.hours, newest.at, rules.least, rules),
            _excess(history.key_hours, newest.at, rules.least_of_key, rules),
        ),
        1.0 if history.crowded else 0.0,
    )
    return tuple(
        Detection(f"{kind}@{VERSION}", kind, _score(one), (0, 0), (), {"times": round(one, 2)})
        for kind, one in zip(KINDS, times, strict=True)
        if one >= 1
    )


def lately(hours: Mapping[int, int], at: float) -> dict[int, int]:
    """The hours that still count; a clock that jumped leaves none in the future."""
    hour = int(at // HOUR)
    return {h: tokens for h, tokens in hours.items() if hour - HOURS < h <= hour}


def _excess(hours: Mapping[int, int], at: float, least: int, rules: AbuseRules) -> float:
    """How many times what is still usual was spent in this hour."""
    known, hour = lately(hours, at), int(at // HOUR)
    before = [tokens for h, tokens in known.items() if h < hour]
    usual = sum(before) / len(before) if before else 0.0
    return known.get(hour, 0) / max(least, usual * rules.spending)


def _score(times: float) -> float:
    """0.6 where a limit is reached, 1 where it is reached twice over."""
    return round(min(1.0, 0.2 + 0.4 * times), 3)
