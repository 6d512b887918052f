"""Ways to less unequal decisions, on people of whom one group is judged by an unfair column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from strongroom.assess.families.sklearn import wrap
from strongroom.domain.errors import InputError

pytest.importorskip("fairlearn", reason="needs the private extra")

from strongroom.assess.mitigation.methods import People, reweighing
from strongroom.assess.mitigation.tradeoff import Plan, curves, mitigate, table

PLAN = Plan(flag_share=0.3, strengths=(1.0,), bounds=(0.02,), rounds=5, replicates=100)


def fit(x, y):
    return wrap(LogisticRegression().fit(x, y), x.shape[1])


def people(rows: int, seed: int) -> People:
    """Group 1 is labelled more often, and a column tells who belongs to it."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, rows)
    merit = rng.normal(size=rows)
    y = (merit + 0.9 * group + rng.normal(size=rows) > 0.8).astype(np.int64)
    x = np.column_stack([merit, group + 0.3 * rng.normal(size=rows)])
    return People(x, y, group, rng.gamma(2.0, 50.0, rows))


@pytest.fixture(scope="module")
def tried():
    return list(mitigate(fit, people(3000, 1), people(3000, 2), PLAN, np.random.default_rng(0)))


def test_every_way_narrows_the_gap_and_says_what_it_costs(tried):
    first, *others = tried
    assert first.method == "as it is"
    assert [one.method for one in others] == [
        "reweighing",
        "exponentiated gradient",
        "own thresholds",
    ]
    assert first.gap.low > 0.15
    for one in others:
        assert one.gap.value < first.gap.value * 0.7, one.method
        assert one.gap.low <= one.gap.value <= one.gap.high
        assert one.cost > 0
    assert others[0].auc < first.auc
    assert [one.by_group for one in tried] == [False, False, False, True]


def test_the_trade_off_is_a_table_and_curves(tried):
    lines = table(tried).splitlines()
    assert len(lines) == 2 + len(tried)
    assert lines[2].startswith("| as it is |  | 0.")
    assert lines[-1].endswith("| **yes** |")
    drawn = curves(tried)
    assert {c.y_label for c in drawn} == {"AUC", "cost for a unit of money"}
    assert drawn[0].points == ((tried[0].gap.value, tried[0].auc),)


def test_reweighing_makes_label_and_group_independent():
    some = people(5000, 3)
    weight = reweighing(some.group, some.y, 1.0)
    shares = [np.average(some.y[some.group == g], weights=weight[some.group == g]) for g in (0, 1)]
    assert shares[0] == pytest.approx(shares[1])
    assert reweighing(some.group, some.y, 0.0) == pytest.approx(np.ones(5000))


def test_catching_alike_can_be_the_aim(tried):
    plan = replace(PLAN, rate="tpr", strengths=())
    rng = np.random.default_rng(0)
    first, *others = mitigate(fit, people(3000, 1), people(3000, 2), plan, rng)
    assert first.gap.value != tried[0].gap.value
    assert max(one.gap.value for one in others) < first.gap.value


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: replace(p, y=np.zeros_like(p.y)), "both classes"),
        (lambda p: replace(p, group=np.zeros_like(p.group)), "two groups"),
    ],
)
def test_one_class_or_one_group_is_a_clear_error(spoil, words):
    some = people(300, 1)
    for train, test in ((spoil(some), some), (some, spoil(some))):
        with pytest.raises(InputError, match=words):
            next(mitigate(fit, train, test, PLAN, np.random.default_rng(0)))


def test_groups_that_are_too_small_are_not_compared():
    some = people(300, 1)
    tiny = replace(some, group=(np.arange(300) < 5).astype(np.int64))
    with pytest.raises(InputError, match="large enough"):
        next(mitigate(fit, some, tiny, PLAN, np.random.default_rng(0)))
