"""Evasion by decisions alone: the attacker learns "approved" or "declined", and no score.

1. He takes values from ordinary rows for a few of the columns that he can set, until one try is
   approved: random restarts, each with other columns and another donor.
2. He puts back every change that was not needed.
3. He halves the distance of what is left to the row's own values, as long as it is approved.

Unlike Boundary or HopSkipJump (Chen, Jordan, Wainwright, IEEE S&P 2020) it estimates no gradient,
which a tree does not have, and each loop has a fixed length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from strongroom.assess.attacks.attack import Attack, Evasion
from strongroom.assess.attacks.batches import Trials
from strongroom.assess.attacks.constraints import Column, Floats, Ints
from strongroom.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Walk:
    """How long each step of the attack goes on."""

    restarts: int = 20
    """Rounds of tries for a row that no try has brought over yet."""
    tries: int = 12
    """Tries in a round."""
    halvings: int = 5
    """Of the distance to the row's own value, for each changed column."""


def decide(
    attack: Attack,
    origin: Floats,
    donors: Floats,
    rng: np.random.Generator,
    walk: Walk = Walk(),  # frozen
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Evasion:
    """Attack each row of `origin` (n, d) with values of `donors` (m, d), rows that are approved.

    Only whether a score is below the threshold is used. Raises InputError without donors.
    """
    if not len(donors):
        raise InputError("no ordinary rows to take values from")
    trials = Trials.begin(blind(attack), origin, stop)
    columns = attack.space.columns
    if not columns or attack.budget.max_changes == 0:
        return trials.end()
    for _ in range(walk.restarts):
        rows = trials.open
        if not len(rows) or trials.late:
            break
        owner = np.repeat(rows, walk.tries)
        trials.ask(owner, mixed(attack, origin[owner], donors, rng))
    for column in columns:
        _put_back(trials, column)
    for column in columns:
        _approach(trials, column, walk.halvings)
    return trials.end()


def blind(attack: Attack) -> Attack:
    """The same attack on a model that says 0 or 1 only."""

    def decision(rows: Floats) -> Floats:
        scores = attack.score(rows)
        # What is no number stays none, so that a broken model is not taken for a yes.
        return np.where(np.isnan(scores), np.nan, (scores >= attack.threshold) * 1.0)

    return Attack(decision, 0.5, attack.space, attack.grids, attack.budget)


def mixed(attack: Attack, origin: Floats, donors: Floats, rng: np.random.Generator) -> Floats:
    """Rows with a donor's values in a few columns."""
    columns = attack.space.columns
    order = rng.random((len(origin), len(columns))).argsort(axis=1)
    most = min(attack.budget.max_changes, len(columns))
    few = rng.integers(1, most + 1, len(origin))
    given = donors[rng.integers(0, len(donors), len(origin))]
    made = origin.copy()
    for place, column in enumerate(columns):
        at = np.flatnonzero(order[:, place] < few)
        own = origin[at][:, [column.index]]
        wished = given[at][:, [column.index]]
        if np.isfinite(column.reach):
            wished = own + rng.uniform(-1, 1, own.shape) * column.reach * np.abs(own)
        value = column.project(wished, own)
        made[at, column.index] = np.where(np.isnan(value), own, value)[:, 0]
    return made


def _changed(trials: Trials, column: Column) -> Ints:
    found = trials.found
    differs = found.rows[:, column.index] != trials.origin[:, column.index]
    return np.flatnonzero(found.evaded & (found.changes > 0) & differs)


def _put_back(trials: Trials, column: Column) -> None:
    """Try each evading row without this change; the account keeps what has fewer changes."""
    rows = _changed(trials, column)
    made = trials.found.rows[rows].copy()
    made[:, column.index] = trials.origin[rows, column.index]
    _whole_groups(trials, rows, made, column)
    trials.ask(rows, made)


def _whole_groups(trials: Trials, rows: Ints, made: Floats, column: Column) -> None:
    """A member of a one-hot group goes back with its group."""
    for group in trials.attack.space.one_hot:
        if column.index in group:
            made[:, group] = trials.origin[rows][:, group]


def _approach(trials: Trials, column: Column, halvings: int) -> None:
    """Move the rows' values as near to their own as stays approved; categories have no nearness."""
    if column.levels is not None:
        return
    refused = trials.origin[:, column.index].copy()
    for _ in range(halvings):
        rows = _changed(trials, column)
        own, now = trials.origin[rows, column.index], trials.found.rows[rows, column.index]
        value = column.project(((refused[rows] + now) / 2)[:, None], own[:, None])[:, 0]
        useful = np.isfinite(value) & (value != now) & (value != refused[rows])
        rows, value = rows[useful], value[useful]
        made = trials.found.rows[rows].copy()
        made[:, column.index] = value
        nearer = trials.ask(rows, made) < trials.attack.threshold
        trials.found.rows[rows[nearer]] = made[nearer]
        refused[rows[~nearer]] = value[~nearer]
