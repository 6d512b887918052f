"""Hardening trades a little ranking for a lot less evasion, and says how much."""

from __future__ import annotations

import numpy as np
import pytest

from strongroom.assess.attacks.attack import Budget, candidates
from strongroom.assess.attacks.constraints import space_of
from strongroom.assess.attacks.hardening import Plan, Table, harden
from strongroom.assess.retrain import Recipe, make
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature
from strongroom.testing.systems import FEATURES, payments

SCHEMA = (
    Feature(name="amount", min=0.01, max=10_000, step=0.01),
    Feature(name="hour", type="int", min=0, max=23, mutable_by=("payer",)),
    Feature(name="count_1d", type="int", min=0, max=30, mutable_by=("payer",)),
    Feature(name="risk", min=0, max=1),
)


def table(seed: int) -> Table:
    frame = payments(3_000, seed)
    return Table(frame.select(FEATURES).to_numpy().astype(float), frame["fraud"].to_numpy())


def plan(train: Table, **how) -> Plan:
    space = space_of(SCHEMA, "payer", levels={}, reach={})
    grids = candidates(space.columns, train.x[train.y == 0], 8)
    return Plan(space, grids, Budget(2, beam=1), target_fpr=0.05, max_rows=200, **how)


RECIPES = {
    "lightgbm": Recipe("lightgbm", {"num_leaves": 15, "rounds": 30}),
    "xgboost": Recipe("xgboost", {"max_depth": 4, "rounds": 30}),
}


@pytest.mark.parametrize("family", RECIPES)
def test_fewer_frauds_get_through_and_the_price_is_told(family):
    train, test = table(1), table(2)
    rounds = list(
        harden(
            lambda x, y: make(RECIPES[family], x, y, 7),
            train,
            test,
            plan(train, rounds=3),
            np.random.default_rng(0),
        )
    )
    first, last = rounds[0], rounds[-1]
    best = max(rounds, key=lambda one: one.caught_under_attack)
    assert first.added == 0 < rounds[1].added < last.added
    assert best.success < first.success
    assert best.caught_under_attack > first.caught_under_attack
    assert all(0.5 < r.auc <= 1 for r in rounds)
    assert all(r.caught_under_attack == r.detected * (1 - r.success) for r in rounds)
    assert last.model.score(test.x).shape == test.y.shape


def test_no_rounds_only_judge():
    train = table(1)
    fit = lambda x, y: make(RECIPES["lightgbm"], x, y, 7)  # noqa: E731
    (only,) = harden(fit, train, train, plan(train, rounds=0), np.random.default_rng(0))
    assert only.added == 0


def test_one_class_is_refused():
    train = table(1)
    single = Table(train.x, np.zeros_like(train.y))
    with pytest.raises(InputError, match="both classes"):
        next(harden(lambda x, y: None, train, single, plan(train), np.random.default_rng(0)))
