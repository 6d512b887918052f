"""Adversarial training on feasible rows, and what it costs in ordinary performance.

Each round attacks the model's own detected training frauds under the budget, adds the rows that got
through, as frauds, and trains again. Every round is judged on test rows that are never trained on:
how well it ranks as before (AUC), and how many of the frauds that it detects still get through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from strongroom.assess.attacks.attack import Attack, Budget
from strongroom.assess.attacks.constraints import Floats, Ints, Space
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.measures.ranking import auc, rank
from strongroom.domain.errors import InputError


class Model(Protocol):
    """What is trained: an opened or fitted `Scorer` is one."""

    def score(self, rows: Floats, /) -> Floats:
        """Probabilities of class 1."""


Fit: TypeAlias = Callable[[Floats, Ints], Model]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows (n, d) and labels (n,) of 0 and 1."""

    x: Floats
    y: Ints


@dataclass(frozen=True, slots=True)
class Plan:
    """Against whom to harden, and for how long."""

    space: Space
    grids: tuple[Floats, ...]
    budget: Budget = field(default_factory=Budget)
    target_fpr: float = 0.01
    """Each model's threshold is set anew, at this false positive rate on the rows in question."""
    rounds: int = 3
    """Times that adversarial rows are added; 0 only judges the model as it is."""
    max_rows: int = 1_000
    """Frauds attacked in a round, and test frauds attacked to judge one."""


@dataclass(frozen=True, slots=True)
class Round:
    """One model and its trade-off."""

    model: Model
    added: int
    """Adversarial rows that it was trained on."""
    auc: float
    """On the test rows."""
    detected: float
    """Share of the test frauds above the threshold."""
    success: float
    """Share of the attacked detected test frauds that got through."""
    caught_under_attack: float
    """Share of all test frauds that stay detected under attack: detected × (1 − success)."""


def harden(
    fit: Fit,
    train: Table,
    test: Table,
    plan: Plan,
    rng: np.random.Generator,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Round]:
    """The model as it is, then one a round, each judged; ends when nothing evades, or at `stop`.

    Raises InputError when a table has one class only, or when time ran out inside a round.
    """
    for table in (train, test):
        if len(np.unique(table.y)) < 2:
            raise InputError("hardening needs rows of both classes, in training and test")
    x, y = train.x, np.asarray(train.y)
    for number in range(plan.rounds + 1):
        model = fit(x, y)
        yield _judged(model, len(x) - len(train.x), test, plan, rng, stop)
        if number == plan.rounds or stop():
            return
        threshold = threshold_at_fpr(model.score(train.x), train.y, plan.target_fpr)
        rows, evaded = _attacked(model, threshold, train, plan, rng, stop)
        if not evaded.any():
            return
        x = np.concatenate([x, rows[evaded]])
        y = np.concatenate([y, np.ones(int(evaded.sum()), dtype=y.dtype)])


def _judged(
    model: Model,
    added: int,
    test: Table,
    plan: Plan,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> Round:
    scores = model.score(test.x)
    threshold = threshold_at_fpr(scores, test.y, plan.target_fpr)
    detected = float((scores[test.y == 1] >= threshold).mean())
    _, evaded = _attacked(model, threshold, test, plan, rng, stop)
    success = float(evaded.mean()) if len(evaded) else 0.0
    ranked = rank(test.y == 1, scores)
    ranks = float(auc(ranked.positives, ranked.negatives))
    return Round(model, added, ranks, detected, success, detected * (1 - success))


def _attacked(
    model: Model,
    threshold: float,
    table: Table,
    plan: Plan,
    rng: np.random.Generator,
    stop: Callable[[], bool],
) -> tuple[Floats, np.ndarray]:
    """Detected frauds after the attack, and which of them got through."""
    frauds = table.x[table.y == 1]
    frauds = frauds[model.score(frauds) >= threshold] if len(frauds) else frauds
    chosen = rng.permutation(len(frauds))[: plan.max_rows]
    found = evade(
        Attack(model.score, threshold, plan.space, plan.grids, plan.budget),
        frauds[chosen],
        stop=stop,
    )
    if not found.finished.all():
        raise InputError("hardening ran out of time", fix="give more time, or attack fewer rows")
    return found.rows, found.evaded
