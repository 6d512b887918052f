"""Evasion by gradients: the attacker has the net itself, and asks it which way is down.

1. Greedy: every feasible single change is priced by its first-order effect; a few of the best are
   tried, the best is kept, and the gradient is taken anew, until the budget of changes is spent.
2. Descent: the numbers among the changed columns walk downhill together by signed steps, halved
   where a step did not help (after projected gradient descent, Madry et al., ICLR 2018, and the
   step rule of Croce and Hein's Auto-PGD, ICML 2020).
3. Again from the start, with first-order effects weighed at random, to try other columns.

Every row that is tried is projected and snapped before it is scored: what a gradient wishes for
between two feasible values is worth nothing. The libraries of the field bound an L2 or L∞ distance,
and know no steps, categories or relations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from strongroom.assess.attacks.attack import Attack, Evasion
from strongroom.assess.attacks.batches import Trials
from strongroom.assess.attacks.constraints import Bools, Floats, Ints
from strongroom.assess.attacks.evasion import Moves, moves_of
from strongroom.assess.nets.slopes import Slope, Slopes
from strongroom.governance.relations import value_of

_STEP: Final = 1e-4
"""Relative step by which a column is moved to see what follows from it."""


@dataclass(frozen=True, slots=True)
class Descent:
    """How long each part of the attack goes on."""

    restarts: int = 6
    """The first weighs effects as they are, the others at random."""
    tries: int = 4
    """Changes that are tried at each step of the greedy part."""
    steps: int = 8
    """Of the walk downhill."""
    stride: float = 0.25
    """The first step, as a share of the column's range."""


def descend(
    attack: Attack,
    slope: Slope,
    origin: Floats,
    rng: np.random.Generator,
    descent: Descent = Descent(),  # frozen
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Evasion:
    """Attack each row of `origin` (n, d); a gradient counts as one query of its row."""
    trials = Trials.begin(attack, origin, stop)
    columns = len(attack.space.columns)
    if not columns or attack.budget.max_changes == 0:
        return trials.end()
    moves = moves_of(attack.space.columns, attack.grids, origin)
    for restart in range(descent.restarts):
        rows = trials.open
        if not len(rows) or trials.late:
            break
        weight = rng.exponential(size=(len(rows), columns)) if restart else np.ones((1, columns))
        start = _grow(trials, slope, moves, rows, weight[:, moves.column], descent.tries)
        _walk(trials, slope, rows, start, descent)
    return trials.end()


def _grow(
    trials: Trials, slope: Slope, moves: Moves, rows: Ints, weight: Floats, tries: int
) -> Floats:
    """Set one more column at a time in each of `rows`; the rows as they then are."""
    attack, now = trials.attack, trials.origin[rows].copy()
    target = np.array([column.index for column in attack.space.columns])[moves.column]
    price = np.array([column.cost for column in attack.space.columns])[moves.column]
    value, used = moves.value[rows], np.zeros((len(rows), len(target)), dtype=bool)
    left = np.full(len(rows), attack.budget.max_cost)
    few = min(tries, len(target))
    for _ in range(min(attack.budget.max_changes, len(attack.space.columns))):
        effect = _effects(attack, _asked(trials, slope, rows, now), now, target, value) * weight
        barred = used | ~np.isfinite(effect) | (price > left[:, None])
        effect = np.where(barred, np.inf, effect)
        best = np.argpartition(effect, few - 1, axis=1)[:, :few]
        able = np.isfinite(np.take_along_axis(effect, best, axis=1)).ravel()
        owner, move = np.repeat(np.arange(len(rows)), few)[able], best.ravel()[able]
        tried = now[owner]
        tried[np.arange(len(move)), target[move]] = value[owner, move]
        scores = trials.ask(rows[owner], tried)
        order = np.lexsort((scores, owner))
        order = order[np.r_[True, owner[order][1:] != owner[order][:-1]][: len(order)]]
        kept = order[np.isfinite(scores[order])]
        now[owner[kept]] = tried[kept]
        used[owner[kept]] |= moves.column == moves.column[move[kept]][:, None]
        left[owner[kept]] -= price[move[kept]]
    return now


def _asked(trials: Trials, slope: Slope, rows: Ints, now: Floats) -> Slopes:
    """The slopes at `now`, each paid for by its row; of a column with all that follows from it."""
    trials.found.queries[rows] += 1
    told, space = slope(now), trials.attack.space
    numbers, view = told.numbers.copy(), {name: now[:, i] for i, name in enumerate(space.names)}
    with np.errstate(all="ignore"):
        for follower, expression in space.following:
            before = value_of(expression, view)
            for column in space.columns:
                own = now[:, column.index]
                step = _STEP * np.maximum(1.0, np.abs(own))
                after = value_of(expression, view | {column.name: own + step})
                by_one = np.nan_to_num((after - before) / step, posinf=0, neginf=0)
                numbers[:, column.index] += told.numbers[:, follower.index] * by_one
    return Slopes(numbers, told.levels)


def _effects(attack: Attack, slopes: Slopes, now: Floats, target: Ints, value: Floats) -> Floats:
    """First-order changes (n, moves) of the log odds; below 0 is downhill."""
    made = np.empty(value.shape)
    for column in np.unique(target):
        at = np.flatnonzero(target == column)
        made[:, at] = slopes.of_moves(int(column), now[:, column], value[:, at])
        for group in attack.space.one_hot:
            if column in group:
                # Setting one of a group to 1 sets the others to 0.
                others = group[group != column]
                made[:, at] -= (slopes.numbers[:, others] * now[:, others]).sum(1, keepdims=True)
    return made


def _walk(trials: Trials, slope: Slope, rows: Ints, start: Floats, descent: Descent) -> None:
    """Walk the numbers that `start` changed downhill, all of a row's at once."""
    attack, origin = trials.attack, trials.origin[rows]
    walking = [
        (column, _spread(grid))
        for column, grid in zip(attack.space.columns, attack.grids, strict=True)
        if column.levels is None
    ]
    moved: list[Bools] = [start[:, c.index] != origin[:, c.index] for c, _ in walking]
    now, best = start.copy(), np.full(len(rows), np.inf)
    stride = np.full(len(rows), descent.stride)
    for _ in range(descent.steps):
        alive = np.flatnonzero(np.isin(rows, trials.open) & (now != origin).any(axis=1))
        if not len(alive) or trials.late:
            return
        slopes, tried = _asked(trials, slope, rows[alive], now[alive]), now[alive].copy()
        for (column, spread), mine in zip(walking, moved, strict=True):
            at = np.flatnonzero(mine[alive])
            own = origin[alive[at]][:, [column.index]]
            reach = column.reach * np.abs(own[:, 0]) if np.isfinite(column.reach) else spread
            down = -np.sign(slopes.numbers[at, column.index]) * stride[alive[at]] * reach
            value = column.project((tried[at, column.index] + down)[:, None], own)[:, 0]
            tried[at, column.index] = np.where(np.isnan(value), own[:, 0], value)
        scores = trials.ask(rows[alive], tried)
        better = scores < best[alive]
        now[alive[better]], best[alive[better]] = tried[better], scores[better]
        stride[alive[~better]] /= 2


def _spread(grid: Floats) -> float:
    return float(grid.max() - grid.min()) if len(grid) else 0.0
