"""An audit of a claimed epsilon: what an attack that was seen to work proves at least.

If a mechanism is (epsilon, delta) private, an attack that guesses membership at true positive rate
t at false positive rate f has `t <= exp(epsilon) f + delta` (Kairouz, Oh and Viswanath, 2015), and
the same with the sides changed. Exact binomial bounds on t and f turn counts into a lower bound on
epsilon that is wrong at most as often as stated (Jagielski, Ullman and Oprea, NeurIPS 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import beta

from strongroom.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Counts:
    """What the attack did at one threshold, which was chosen on other rows."""

    members: int
    members_found: int
    others: int
    others_accused: int

    def __post_init__(self) -> None:
        pairs = ((self.members_found, self.members), (self.others_accused, self.others))
        if any(n < 1 or not 0 <= hit <= n for hit, n in pairs):
            raise InputError(f"{self} cannot be counts", fix="hits of at least one trial each")


def epsilon_at_least(counts: Counts, delta: float, confidence: float = 0.95) -> float:
    """The lower bound on epsilon, 0 where the attack proves nothing.

    Each of the four rates is bounded at a quarter of the error, so that all hold together.
    Raises InputError for a delta or a confidence that is no probability.
    """
    if not 0 <= delta < 1 or not 0 < confidence < 1:
        raise InputError(f"delta {delta!r} at confidence {confidence!r}")
    error = (1 - confidence) / 4
    found, members = counts.members_found, counts.members
    accused, others = counts.others_accused, counts.others
    said_in = _ratio(lower(found, members, error), upper(accused, others, error), delta)
    said_out = _ratio(
        lower(others - accused, others, error), upper(members - found, members, error), delta
    )
    return max(0.0, said_in, said_out)


def refuted(claimed: float, counts: Counts, delta: float, confidence: float = 0.95) -> bool:
    """Whether the counts prove that the claimed epsilon is too small. Raises InputError if <= 0."""
    if not math.isfinite(claimed) or claimed <= 0:
        raise InputError(f"a claimed epsilon of {claimed!r}", fix="it must be above 0")
    return epsilon_at_least(counts, delta, confidence) > claimed


def lower(hits: int, n: int, error: float) -> float:
    """Clopper and Pearson's lower bound of a proportion."""
    return float(beta.ppf(error, hits, n - hits + 1)) if hits else 0.0


def upper(hits: int, n: int, error: float) -> float:
    """Clopper and Pearson's upper bound of a proportion."""
    return float(beta.ppf(1 - error, hits + 1, n - hits)) if hits < n else 1.0


def _ratio(most: float, least: float, delta: float) -> float:
    return math.log((most - delta) / least) if most > delta else -math.inf
