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

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.attack import (
    HELD_ROWS,
    Attack,
    Evasion,
    checked_scores,
    score_in_calls,
)
from strongroom.assess.attacks.constraints import Column, Floats, Ints


@dataclass(frozen=True, slots=True)
class Moves:
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
    found.scores[:] = checked_scores(attack.score, origin)
    found.evaded[:] = found.scores < attack.threshold
    moves = moves_of(attack.space.columns, attack.grids, origin)
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
        scores = score_in_calls(attack.score, tried.values, stop)
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


def moves_of(columns: Sequence[Column], grids: Sequence[Floats], origin: Floats) -> Moves:
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
    return Moves(column_of, np.concatenate(values, axis=1), marks)


def _expand(
    attack: Attack, origin: Floats, states: _States, moves: Moves, queries: Ints
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
