"""Evasion by a genetic search: whole sets of changes are bred, not grown one by one.

A small multi-objective search (score, columns changed, cost) in the manner of NSGA-II (Deb, Pratap,
Agarwal, Meyarivan, IEEE TEC 6 (2002) 182-197), ranked by how many others dominate (Fonseca and
Fleming 1993). It finds pairs of changes of which neither helps alone, which a greedy search cannot.

The attacker sees scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from strongroom.assess.attacks.attack import HELD_ROWS, Attack, Evasion
from strongroom.assess.attacks.batches import Trials, spent
from strongroom.assess.attacks.constraints import Bools, Floats, Ints

KEEP: Final = -1
"""A gene that leaves its column as it is."""


@dataclass(frozen=True, slots=True)
class Breeding:
    """How the search breeds."""

    population: int = 24
    generations: int = 20
    mutation: float = 0.25
    """Chance of each gene to be drawn anew."""


def evolve(
    attack: Attack,
    origin: Floats,
    rng: np.random.Generator,
    breeding: Breeding = Breeding(),  # frozen
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Evasion:
    """Attack each row of `origin` (n, d); ends after `generations`, out of queries, or at `stop`.

    A row's search ends with the generation in which it evades.
    """
    trials = Trials.begin(attack, origin, stop)
    if not attack.space.columns or attack.budget.max_changes == 0:
        return trials.end()
    batch = max(1, HELD_ROWS // (2 * breeding.population))
    for first in range(0, len(origin), batch):
        rows = trials.open
        rows = rows[(rows >= first) & (rows < first + batch)]
        if len(rows):
            _breed(trials, rows, rng, breeding)
    return trials.end()


def _breed(trials: Trials, rows: Ints, rng: np.random.Generator, breeding: Breeding) -> None:
    genes = _drawn(trials.attack, rng, (len(rows), breeding.population))
    genes = _thinned(trials.attack, genes, rng)
    goals = _goals(trials, rows, genes)
    for _ in range(breeding.generations):
        alive = np.isin(rows, trials.open)
        rows, genes, goals = rows[alive], genes[alive], goals[alive]
        if not len(rows) or trials.late:
            return
        children = _children(trials.attack, genes, goals, rng, breeding)
        both = np.concatenate([genes, children], axis=1)
        told = np.concatenate([goals, _goals(trials, rows, children)], axis=1)
        order = np.argsort(_rank(told), axis=1, kind="stable")[:, : breeding.population]
        genes = np.take_along_axis(both, order[..., None], axis=1)
        goals = np.take_along_axis(told, order[..., None], axis=1)


def _drawn(attack: Attack, rng: np.random.Generator, shape: tuple[int, int]) -> Ints:
    """Random genes (*shape, columns): the place of a value in the column's grid."""
    sizes = np.array([len(grid) for grid in attack.grids], dtype=np.int64)
    drawn = (rng.random((*shape, len(sizes))) * sizes).astype(np.int64)
    return np.where(sizes > 0, np.minimum(drawn, sizes - 1), KEEP)


def _thinned(attack: Attack, genes: Ints, rng: np.random.Generator) -> Ints:
    """Leave out changes, at random, until the budget holds; some go further, and change less."""
    order = rng.random(genes.shape).argsort(axis=-1)
    cost = np.array([column.cost for column in attack.space.columns])
    allowed = rng.integers(1, attack.budget.max_changes + 1, genes.shape[:-1])[..., None]
    sets = np.take_along_axis(genes, order, axis=-1) != KEEP
    paid = np.cumsum(np.where(sets, cost[order], 0.0), axis=-1)
    kept = sets & (np.cumsum(sets, axis=-1) <= allowed) & (paid <= attack.budget.max_cost)
    mask = np.zeros(genes.shape, dtype=bool)
    np.put_along_axis(mask, order, kept, axis=-1)
    return np.where(mask, genes, KEEP)


def _goals(trials: Trials, rows: Ints, genes: Ints) -> Floats:
    """Ask for (rows, population, 3): score down to the threshold, columns changed, cost."""
    n, population, _ = genes.shape
    owner = np.repeat(rows, population)
    made = _made(trials.attack, trials.origin[owner], genes.reshape(n * population, -1))
    fresh = _different(owner, made)
    scores = np.full(len(made), np.inf)
    asked = made[fresh]
    scores[fresh] = trials.ask(owner[fresh], asked)
    made[fresh] = asked
    price = spent(trials.attack.space, trials.origin[owner], made)
    scores = np.maximum(scores, trials.attack.threshold)
    return np.stack([scores, price.changes, price.cost], axis=-1).reshape(n, population, 3)


def _made(attack: Attack, origin: Floats, genes: Ints) -> Floats:
    """Rows with the genes' values, projected; what a row cannot take leaves it as it was."""
    made = origin.copy()
    for place, (column, grid) in enumerate(zip(attack.space.columns, attack.grids, strict=True)):
        at = np.flatnonzero(genes[:, place] != KEEP)
        own = origin[at][:, [column.index]]
        wished = grid[genes[at, place]][:, None]
        if np.isfinite(column.reach):
            # The grid is of all rows' values: here its places stand for steps within the reach.
            share = 2 * genes[at, place][:, None] / max(len(grid) - 1, 1) - 1
            wished = own + share * column.reach * np.abs(own)
        value = column.project(wished, own)
        made[at, column.index] = np.where(np.isnan(value), own, value)[:, 0]
    return made


def _different(owner: Ints, rows: Floats) -> Bools:
    """The first of each equal (owner, row)."""
    table = np.column_stack([owner.astype(np.float64), np.nan_to_num(rows, nan=-np.inf)])
    first = np.unique(
        np.ascontiguousarray(table).view(f"V{table.shape[1] * 8}").ravel(), return_index=True
    )[1]
    fresh = np.zeros(len(rows), dtype=bool)
    fresh[first] = True
    return fresh


def _rank(goals: Floats) -> Floats:
    """How many others are no worse in all and better in some; then the score."""
    one, other = goals[:, :, None, :], goals[:, None, :, :]
    dominated = (other <= one).all(-1) & (other < one).any(-1)
    count = dominated.sum(axis=2).astype(np.float64)
    score = goals[..., 0]
    made: Floats = count + np.where(np.isfinite(score), score, 1e6) / 1e3
    return made


def _children(
    attack: Attack, genes: Ints, goals: Floats, rng: np.random.Generator, breeding: Breeding
) -> Ints:
    """Two tournaments choose parents; genes are mixed, some drawn anew, and the budget kept."""
    n, population, columns = genes.shape
    rank = _rank(goals)
    rivals = rng.integers(0, population, (2, 2, n, population))
    first, second = (
        np.where(np.take_along_axis(rank, one, 1) <= np.take_along_axis(rank, two, 1), one, two)
        for one, two in rivals
    )
    mother = np.take_along_axis(genes, first[..., None], axis=1)
    father = np.take_along_axis(genes, second[..., None], axis=1)
    mixed = np.where(rng.random((n, population, columns)) < 0.5, mother, father)
    drawn = _drawn(attack, rng, (n, population))
    mutated = rng.random(mixed.shape) < breeding.mutation
    return _thinned(attack, np.where(mutated, drawn, mixed), rng)
