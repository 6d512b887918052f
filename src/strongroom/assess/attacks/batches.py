"""Rows under attack by many tries at a time: what was tried, what it cost, and the best so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from strongroom.assess.attacks.attack import Attack, Evasion, checked_scores, score_in_calls
from strongroom.assess.attacks.constraints import Bools, Floats, Ints, Space


def nothing_yet(origin: Floats) -> Evasion:
    """Every row as it was, unscored and unfinished."""
    n = len(origin)
    return Evasion(
        rows=origin.copy(),
        scores=np.full(n, np.inf),
        evaded=np.zeros(n, dtype=bool),
        changes=np.zeros(n, dtype=np.int64),
        cost=np.zeros(n),
        queries=np.zeros(n, dtype=np.int64),
        finished=np.zeros(n, dtype=bool),
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What rows differ in, priced: arrays are (n,)."""

    changes: Ints
    cost: Floats

    def within(self, attack: Attack) -> Bools:
        """Which rows keep to the budget."""
        budget = attack.budget
        return (self.changes <= budget.max_changes) & (self.cost <= budget.max_cost)


def spent(space: Space, origin: Floats, rows: Floats) -> Spent:
    """Columns that were set; what follows from them, and what a group lost, is not counted."""
    at = np.array([column.index for column in space.columns], dtype=np.int64)
    cost = np.array([column.cost for column in space.columns], dtype=np.float64)
    moved = ~((rows[:, at] == origin[:, at]) | (np.isnan(rows[:, at]) & np.isnan(origin[:, at])))
    grouped = np.isin(at, np.concatenate([np.empty(0, dtype=np.int64), *space.one_hot]))
    moved &= ~grouped | (rows[:, at] != 0)
    return Spent(moved.sum(axis=1), moved @ cost)


@dataclass(slots=True)
class Trials:
    """Tries on behalf of rows: refuses what is infeasible or unpaid, scores the rest, keeps best.

    Not frozen: it is the attack's running account.
    """

    attack: Attack
    origin: Floats
    found: Evasion
    stop: Callable[[], bool]
    late: bool = False
    """Whether `stop` said so: nothing more is scored."""

    @classmethod
    def begin(cls, attack: Attack, origin: Floats, stop: Callable[[], bool]) -> Trials:
        """Score the rows as they are; that query is free, for the attacker had his answer."""
        made = cls(attack, origin, nothing_yet(origin), stop)
        if len(origin) and not stop():
            made.found.scores[:] = checked_scores(attack.score, origin)
            made.found.evaded[:] = made.found.scores < attack.threshold
        else:
            made.late = True
        return made

    def ask(self, owner: Ints, rows: Floats) -> Floats:
        """Scores of tries (m, d) on behalf of rows `owner` (m,), infinite where none was given.

        `rows` is settled in place. A try is not scored, and costs nothing, where it is infeasible
        or over budget; nor is one more than the row has queries left.
        """
        scores = np.full(len(rows), np.inf)
        if self.late or not len(rows):
            return scores
        origin = self.origin[owner]
        sound = self.attack.space.settle(origin, rows)
        price = spent(self.attack.space, origin, rows)
        sound &= (
            (price.changes > 0)
            & price.within(self.attack)
            & ~np.isnan(rows[:, self._columns]).any(axis=1)
        )
        at = np.flatnonzero(sound)
        at = at[_rank(owner[at]) < self._left[owner[at]]]
        answers = score_in_calls(self.attack.score, rows[at], self.stop)
        if answers is None:
            self.late = True
            return scores
        scores[at] = answers
        self.found.queries[:] += np.bincount(owner[at], minlength=len(self.origin))
        self._keep(owner[at], rows[at], answers, Spent(price.changes[at], price.cost[at]))
        return scores

    def end(self) -> Evasion:
        """What was found; no row counts as finished if time ran out."""
        self.found.finished[:] = not self.late
        return self.found

    @property
    def open(self) -> Ints:
        """Rows that neither evade nor are out of queries."""
        return np.flatnonzero(~self.found.evaded & (self._left > 0))

    @property
    def _left(self) -> Ints:
        return np.maximum(self.attack.budget.max_queries - self.found.queries, 0)

    @property
    def _columns(self) -> Ints:
        """Columns that may not become missing: what was missing and stays so is not a move."""
        at = np.array([column.index for column in self.attack.space.columns], dtype=np.int64)
        return at[~np.isnan(self.origin[:, at]).any(axis=0)] if len(at) else at

    def _keep(self, owner: Ints, rows: Floats, scores: Floats, price: Spent) -> None:
        """Evading before not; then fewest changes, then cheapest; else the lowest score."""
        evades = scores < self.attack.threshold
        changes = np.where(evades, price.changes, 0)
        cost = np.where(evades, price.cost, 0.0)
        order = np.lexsort((scores, cost, changes, ~evades, owner))
        best = order[np.r_[True, owner[order][1:] != owner[order][:-1]][: len(order)]]
        who, found = owner[best], self.found
        fewer = (changes[best] < found.changes[who]) | (
            (changes[best] == found.changes[who]) & (cost[best] < found.cost[who])
        )
        better = np.where(
            evades[best],
            ~found.evaded[who] | fewer,
            ~found.evaded[who] & (scores[best] < found.scores[who]),
        )
        best, who = best[better], who[better]
        found.rows[who], found.scores[who] = rows[best], scores[best]
        found.evaded[who], found.changes[who] = evades[best], price.changes[best]
        found.cost[who] = price.cost[best]


def _rank(owner: Ints) -> Ints:
    """0, 1, 2 … among tries of the same owner, in their order."""
    order = np.argsort(owner, kind="stable")
    ranked = np.empty(len(owner), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]][: len(owner)])
    sizes = np.diff(np.r_[starts, len(owner)])
    ranked[order] = np.arange(len(owner)) - np.repeat(starts, sizes)
    return ranked
