"""Evasion: how few feasible changes bring a detected row below the threshold.

A greedy beam search, run for many rows at once. Each step sets one more column of a row to one of
a fixed list of feasible values, scores every such row in a few large calls, and keeps the best few.
A row ends when it evades, when its budget is spent, or after `max_changes` steps: the search always
ends. What it finds is a lower bound on what an attacker could do.

The attacker sees scores (not labels only), knows the columns and the range of ordinary values, and
knows neither the model nor its training rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Column, Floats, Space
from strongroom.domain.errors import InputError

Ints: TypeAlias = NDArray[np.int64]
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


@dataclass(frozen=True, slots=True)
class _Moves:
    """Every single-column move of a batch: (n, moves) values, NaN where a row cannot make it."""

    column: Ints
    """(moves,): index into `Space.columns`."""
    value: Floats
    mark: NDArray[np.uint64]
    """(moves,): random words; a set of moves is known by the wrapped sum of its marks."""


@dataclass(frozen=True, slots=True)
class _States:
    """Partial solutions of a batch of rows, one a line."""

    owner: Ints
    """Which row of the batch."""
    values: Floats
    used: NDArray[np.bool_]
    """(n, columns) already set."""
    mark: NDArray[np.uint64]
    cost: Floats
    score: Floats

    def take(self, keep: NDArray[np.int64] | NDArray[np.bool_]) -> _States:
        return _States(
            self.owner[keep],
            self.values[keep],
            self.used[keep],
            self.mark[keep],
            self.cost[keep],
            self.score[keep],
        )


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


def evade(
    attack: Attack,
    origin: Floats,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Evasion:
    """Attack each row of `origin` (n, d).

    `stop` is asked between calls of `score`; rows searched when it says yes stay unfinished.
    Raises InputError when a score is not a number.
    """
    widest = attack.budget.beam * sum(2 * len(grid) for grid in attack.grids)
    batch = max(1, HELD_ROWS // max(1, widest))
    parts = []
    for first in range(0, max(len(origin), 1), batch):
        parts.append(_evade_batch(attack, origin[first : first + batch], stop))
        progress(min(first + batch, len(origin)), len(origin))
    return Evasion(
        rows=np.concatenate([p.rows for p in parts]),
        scores=np.concatenate([p.scores for p in parts]),
        evaded=np.concatenate([p.evaded for p in parts]),
        changes=np.concatenate([p.changes for p in parts]),
        cost=np.concatenate([p.cost for p in parts]),
        queries=np.concatenate([p.queries for p in parts]),
        finished=np.concatenate([p.finished for p in parts]),
    )


def _evade_batch(attack: Attack, origin: Floats, stop: Callable[[], bool]) -> Evasion:
    n = len(origin)
    found = Evasion(
        rows=origin.copy(),
        scores=np.full(n, np.inf),
        evaded=np.zeros(n, dtype=bool),
        changes=np.zeros(n, dtype=np.int64),
        cost=np.zeros(n),
        queries=np.zeros(n, dtype=np.int64),
        finished=np.zeros(n, dtype=bool),
    )
    if n == 0 or stop():
        return found
    found.scores[:] = _checked(attack.score, origin)
    found.evaded[:] = found.scores < attack.threshold
    moves = _moves(attack.space.columns, attack.grids, origin)
    states = _States(
        owner=np.arange(n),
        values=origin.copy(),
        used=np.zeros((n, len(attack.space.columns)), dtype=bool),
        mark=np.zeros(n, dtype=np.uint64),
        cost=np.zeros(n),
        score=found.scores.copy(),
    ).take(~found.evaded)
    for changes in range(1, attack.budget.max_changes + 1):
        if not len(states.owner):
            break
        tried, complete = _expand(attack, origin, states, moves, found.queries)
        scores = _score_in_calls(attack.score, tried.values, stop)
        if scores is None:
            # None of the batch counts: the rows that ended early are the easy ones.
            return found
        tried = _States(tried.owner, tried.values, tried.used, tried.mark, tried.cost, scores)
        found.queries[:] += np.bincount(tried.owner, minlength=n)
        _keep_best(found, tried, attack.threshold, changes)
        alive = ~found.evaded[tried.owner] & complete[tried.owner]
        states = _best_few(tried.take(alive), attack.budget.beam)
    found.finished[:] = True
    return found


def _moves(columns: Sequence[Column], grids: Sequence[Floats], origin: Floats) -> _Moves:
    """Project each column's grid for each row; drop what equals the row or the move before."""
    owners, values = [np.empty(0, dtype=np.int64)], [np.empty((len(origin), 0))]
    for position, (column, grid) in enumerate(zip(columns, grids, strict=True)):
        own = origin[:, [column.index]]
        if np.isfinite(column.reach):
            steps = own + np.linspace(-1, 1, max(len(grid), 2)) * column.reach * np.abs(own)
            wished = np.sort(np.concatenate([np.tile(grid, (len(own), 1)), steps], axis=1), axis=1)
        else:
            wished = np.tile(grid, (len(own), 1))
        value = column.project(wished, own)
        same = np.zeros(value.shape, dtype=bool)
        same[:, 1:] = value[:, 1:] == value[:, :-1]
        values.append(np.where(same | (value == own), np.nan, value))
        owners.append(np.full(value.shape[1], position))
    column_of = np.concatenate(owners)
    marks = np.random.default_rng(0).integers(1, 2**64 - 1, len(column_of), dtype=np.uint64)
    return _Moves(column_of, np.concatenate(values, axis=1), marks)


def _expand(
    attack: Attack, origin: Floats, states: _States, moves: _Moves, queries: Ints
) -> tuple[_States, NDArray[np.bool_]]:
    """Every feasible next state within budget, unscored, and which rows were tried completely."""
    space, budget = attack.space, attack.budget
    costs = np.array([column.cost for column in space.columns])[moves.column]
    values = moves.value[states.owner]
    free = ~states.used[:, moves.column] & np.isfinite(values)
    free &= states.cost[:, None] + costs <= budget.max_cost
    parent, move = np.nonzero(free)
    mark = states.mark[parent] + moves.mark[move]
    first = _first_of_each(states.owner[parent], mark)
    parent, move, mark = parent[first], move[first], mark[first]
    tried = states.values[parent]
    target = np.array([column.index for column in space.columns], dtype=np.int64)
    tried[np.arange(len(move)), target[moves.column[move]]] = values[parent, move]
    feasible = space.settle(origin[states.owner[parent]], tried)
    parent, move, mark, tried = parent[feasible], move[feasible], mark[feasible], tried[feasible]
    owner = states.owner[parent]
    rank = _rank_within(owner)
    affordable = rank < (budget.max_queries - queries)[owner]
    complete = np.ones(len(origin), dtype=bool)
    complete[owner[~affordable]] = False
    used = states.used[parent]
    used[np.arange(len(move)), moves.column[move]] = True
    made = _States(
        owner, tried, used, mark, states.cost[parent] + costs[move], np.zeros(len(owner))
    )
    return made.take(affordable), complete


def _score_in_calls(score: Score, rows: Floats, stop: Callable[[], bool]) -> Floats | None:
    scores = np.empty(len(rows))
    for first in range(0, len(rows), CALL_ROWS):
        if stop():
            return None
        scores[first : first + CALL_ROWS] = _checked(score, rows[first : first + CALL_ROWS])
    return scores


def _checked(score: Score, rows: Floats) -> Floats:
    scores = score(rows)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        # NaN is never below a threshold: unchecked, a broken model would look robust.
        raise InputError("the model did not give one finite score a row while under attack")
    return scores


def _keep_best(found: Evasion, tried: _States, threshold: float, changes: int) -> None:
    """Write each row's cheapest evading state, or else its lowest-scored one, into `found`."""
    evades = tried.score < threshold
    order = np.lexsort((tried.score, np.where(evades, tried.cost, np.inf), ~evades, tried.owner))
    best = order[_rank_within(tried.owner[order]) == 0]
    better = evades[best] | (tried.score[best] < found.scores[tried.owner[best]])
    best = best[better]
    owner = tried.owner[best]
    found.rows[owner] = tried.values[best]
    found.scores[owner] = tried.score[best]
    found.evaded[owner] = evades[best]
    found.changes[owner] = changes
    found.cost[owner] = tried.cost[best]


def _best_few(tried: _States, few: int) -> _States:
    order = np.lexsort((tried.score, tried.owner))
    return tried.take(order[_rank_within(tried.owner[order]) < few])


def _first_of_each(owner: Ints, mark: NDArray[np.uint64]) -> Ints:
    """Indices of the first of each (owner, mark), in their order."""
    order = np.lexsort((mark, owner))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (owner[order][1:] == owner[order][:-1]) & (mark[order][1:] == mark[order][:-1])
    return np.sort(order[~again])


def _rank_within(owner: Ints) -> Ints:
    """0, 1, 2 … within each run of equal owners; `owner` is sorted."""
    if not len(owner):
        return np.empty(0, dtype=np.int64)
    starts = np.r_[True, owner[1:] != owner[:-1]]
    first = np.flatnonzero(starts)
    return np.arange(len(owner)) - np.repeat(first, np.diff(np.r_[first, len(owner)]))
