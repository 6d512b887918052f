"""Shapley values of anything that scores, by sampled orders of its features.

In one order, the features of a background row are replaced by the row's own one by one; what each
replacement does to the score is its contribution. Those of one order add up to the score less the
background's, whatever was sampled, so the mean over orders adds up too. Each order is also walked
backwards (antithetic), which takes out most of the noise. All rows share orders and background.

Source: Castro, Gómez and Tejada, Computers and Operations Research 36 (2009) 1726-1730.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from strongroom.assess.measures.groups import Counts, Floats
from strongroom.domain.errors import LimitError

_PART: Final = 200_000
"""Rows scored at a time."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How much is asked of the model."""

    pairs: int = 16
    """Orders of the features, each walked forwards and backwards; 2 at least."""
    max_queries: int = 2_000_000
    """Rows scored in all, before it is refused."""


def sampled(
    score: Callable[[Floats], Floats],
    rows: Floats,
    background: Floats,
    rng: np.random.Generator,
    sampling: Sampling,
) -> tuple[Floats, Floats, float]:
    """Contributions and their standard errors, (n, d) each, and the base.

    Raises LimitError when that takes more queries than are allowed.
    """
    n, d = rows.shape
    pairs = max(2, sampling.pairs)
    if (queries := pairs * 2 * n * (d + 1)) > sampling.max_queries:
        raise LimitError(
            f"{queries} queries to explain {n} rows, {sampling.max_queries} allowed",
            fix="explain fewer rows, or fewer orders of the features",
        )
    usual = background[rng.integers(0, len(background), pairs)]
    each = np.empty((pairs, n, d))
    for pair, start in enumerate(usual):
        order = rng.permutation(d)
        ways = [_walk(score, rows, start, way) for way in (order, order[::-1])]
        each[pair] = (ways[0] + ways[1]) / 2
    error = each.std(axis=0, ddof=1) / np.sqrt(pairs)
    return each.mean(axis=0), error, float(score(usual).mean())


def _walk(score: Callable[[Floats], Floats], rows: Floats, start: Floats, order: Counts) -> Floats:
    """What each feature does to the score when it takes the row's value, in this order."""
    n, d = rows.shape
    scores = np.empty((n, d + 1))
    for first in range(0, n, step := max(1, _PART // (d + 1))):
        some = rows[first : first + step]
        mixed = np.repeat(np.broadcast_to(start, some.shape)[:, None, :], d + 1, axis=1)
        for done, feature in enumerate(order, start=1):
            mixed[:, done:, feature] = some[:, feature, None]
        scores[first : first + step] = score(mixed.reshape(-1, d)).reshape(-1, d + 1)
    made = np.empty((n, d))
    made[:, order] = np.diff(scores, axis=1)
    return made
