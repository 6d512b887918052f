"""What every evasion attack is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Column, Floats, Ints, Space
from strongroom.domain.errors import InputError

Score: TypeAlias = Callable[[Floats], Floats]
"""(n, d) rows to (n,) probabilities of the flagged class."""

CALL_ROWS: Final = 16_384
"""Rows scored in one call, at most: the clock is read between calls."""
HELD_ROWS: Final = 65_536
"""About so many candidates are held at once, which bounds memory."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the attacker may spend on one row."""

    max_changes: int = 2
    """Columns set."""
    max_cost: float = np.inf
    """Sum of the columns' declared costs."""
    max_queries: int = 2_000
    """Rows scored."""
    beam: int = 4
    """Partial solutions kept after each step; 1 is plain greedy."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Who attacks what, with which values and for how much."""

    score: Score
    threshold: float
    """A row evades when it scores below."""
    space: Space
    grids: Sequence[Floats]
    """Values to try in each of the space's columns: see `candidates`."""
    budget: Budget


@dataclass(frozen=True, slots=True)
class Evasion:
    """What became of each attacked row, in the order given; arrays are (n,) or (n, d)."""

    rows: Floats
    """The evading row, or the lowest-scored feasible one met."""
    scores: Floats
    evaded: NDArray[np.bool_]
    changes: Ints
    """Columns set in `rows`; for an evading row, the fewest that the search found."""
    cost: Floats
    queries: Ints
    """Rows scored on its behalf: all of a step's candidates, so an upper bound."""
    finished: NDArray[np.bool_]
    """False where the clock ran out first."""

    def evaded_within(self, changes: int) -> int:
        """Finished rows that evade with at most so many columns set."""
        return int((self.finished & self.evaded & (self.changes <= changes)).sum())


def candidates(columns: Sequence[Column], ordinary: Floats, per_column: int) -> tuple[Floats, ...]:
    """Values worth trying in each column: its levels, or quantiles of ordinary rows' values."""
    made = []
    for column in columns:
        if column.levels is not None:
            made.append(column.levels)
            continue
        known = ordinary[:, column.index]
        known = known[np.isfinite(known)]
        ends = [x for x in (column.low, column.high) if np.isfinite(x)]
        ranks = np.linspace(0, 1, per_column)
        grid = np.quantile(known, ranks) if known.size else np.empty(0)
        made.append(np.unique(np.concatenate([grid, ends])))
    return tuple(made)


def score_in_calls(score: Score, rows: Floats, stop: Callable[[], bool]) -> Floats | None:
    """Scores of many rows, or None when `stop` said so between two calls."""
    scores = np.empty(len(rows))
    for first in range(0, len(rows), CALL_ROWS):
        if stop():
            return None
        scores[first : first + CALL_ROWS] = checked_scores(score, rows[first : first + CALL_ROWS])
    return scores


def checked_scores(score: Score, rows: Floats) -> Floats:
    """Scores that are one finite number a row. Raises InputError for anything else."""
    scores = score(rows)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        # NaN is never below a threshold: unchecked, a broken model would look robust.
        raise InputError("the model did not give one finite score a row while under attack")
    return scores
