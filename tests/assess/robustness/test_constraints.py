"""Projection to feasible values, and the validator that does not trust it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.assess.attacks.attack import Attack, Budget, candidates
from strongroom.assess.attacks.constraints import space_of
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.validator import breaches
from strongroom.governance.manifest import Feature
from strongroom.governance.relations import parse_relation


def project(feature: Feature, wished, origin, *, levels=None, reach=np.inf):
    space = space_of([feature], "payer", levels={feature.name: levels}, reach={feature.name: reach})
    return space.columns[0].project(np.array([wished], float), np.array([[origin]], float))[0]


def feature(**declared) -> Feature:
    return Feature(name="x", mutable_by=("payer",), **declared)


def test_values_are_clipped_to_the_range_and_snapped_to_the_step():
    made = project(feature(min=1, max=10, step=0.25), [-5, 3.3, 99], 2.0)
    assert made.tolist() == [1.0, 3.25, 10.0]


def test_snapping_never_leaves_the_range():
    assert project(feature(min=0.1, max=1.9, step=1), [0, 5], 1.0).tolist() == [1.0, 1.0]
    assert np.isnan(project(feature(min=0.1, max=0.9, step=1), [0.5], 0.5)).all()


def test_cents_are_the_decimal_number_that_people_write():
    assert project(feature(step=0.01), [0.5700001], 1.0).tolist() == [0.57]


def test_an_amount_moves_only_within_its_reach():
    made = project(feature(step=0.01), [0, 1_000], 99.99, reach=0.10)
    assert made.tolist() == [90.0, 109.98]


def test_direction_holds_a_column_on_its_side():
    assert project(feature(direction="up"), [1, 9], 5.0).tolist() == [5, 9]
    assert project(feature(direction="down"), [1, 9], 5.0).tolist() == [1, 5]


def test_a_missing_value_cannot_be_raised_or_stretched_but_can_be_filled():
    assert np.isnan(project(feature(direction="up"), [1.0], np.nan)).all()
    assert np.isnan(project(feature(), [1.0], np.nan, reach=0.1)).all()
    assert project(feature(), [1.0], np.nan).tolist() == [1.0]


def test_categories_and_bools_take_declared_levels_only():
    levels = np.array([3.0, 7.0])
    category = feature(type="category", categories=(3, 7))
    assert project(category, [0, 6, 100], 3.0, levels=levels).tolist() == [3, 7, 7]
    assert project(feature(type="bool"), [0.2, 0.9], 0.0).tolist() == [0, 1]


@given(
    origin=st.floats(-1e4, 1e4),
    wished=st.floats(-1e6, 1e6),
    low=st.floats(-1e4, 0),
    high=st.floats(0, 1e4),
    step=st.sampled_from([None, 0.01, 0.5, 1.0, 7.0]),
    direction=st.sampled_from(["any", "up", "down"]),
    reach=st.sampled_from([0.0, 0.1, np.inf]),
    kind=st.sampled_from(["float", "int"]),
)
def test_whatever_is_projected_satisfies_the_validator(
    origin, wished, low, high, step, direction, reach, kind
):
    one = feature(type=kind, min=low, max=high, step=step, direction=direction)
    value = project(one, [wished], origin, reach=reach)[0]
    if np.isnan(value):
        return
    assert not breaches(
        [one],
        "payer",
        np.array([[origin]]),
        np.array([[value]]),
        levels={},
        reach={} if np.isinf(reach) else {"x": reach},
        max_changes=1,
        max_cost=np.inf,
    )


@pytest.mark.parametrize(
    ("declared", "before", "after", "reason"),
    [
        ({"min": 1}, 2, 0, "below 1"),
        ({"max": 1}, 0, 2, "above 1"),
        ({"direction": "up"}, 2, 1, "may only rise"),
        ({"direction": "down"}, 1, 2, "may only fall"),
        ({"type": "bool"}, 0, 0.5, "not 0 or 1"),
        ({"type": "category", "categories": (1, 2)}, 1, 3, "not a declared category"),
        ({"step": 0.5}, 1, 1.3, "off its step"),
        ({"type": "int"}, 1, 1.5, "off its step"),
        ({}, 1, np.inf, "not a finite number"),
        ({}, 100, 120, "moved too far"),
    ],
)
def test_the_validator_names_each_way_to_cheat(declared, before, after, reason):
    found = breaches(
        [feature(**declared)],
        "payer",
        np.array([[before]], float),
        np.array([[after]], float),
        levels={"x": np.array([1.0, 2.0])},
        reach={"x": 0.1} if reason == "moved too far" else {},
        max_changes=1,
        max_cost=np.inf,
    )
    assert [(b.row, b.column, b.reason) for b in found] == [(0, "x", reason)]


def test_the_validator_sees_immutable_columns_and_overspent_budgets():
    features = [Feature(name="a", mutable_by=("payer",), cost=2), Feature(name="b")]
    found = breaches(
        features,
        "payer",
        np.zeros((2, 2)),
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        levels={},
        reach={},
        max_changes=1,
        max_cost=1.5,
    )
    assert {(b.row, b.reason) for b in found} == {
        (1, "not mutable by payer"),
        (1, "2 changes, 1 allowed"),
        (0, "cost 2, 1.5 allowed"),
        (1, "cost 3, 1.5 allowed"),
    }


SUM = parse_relation("total == net + fee")


def evade_sum(mutable: tuple[str, ...], total: dict | None = None):
    features = [
        Feature(name="total", mutable_by=("payer",) if "total" in mutable else (), **(total or {})),
        Feature(name="net", min=0, max=100, mutable_by=("payer",) if "net" in mutable else ()),
        Feature(name="fee"),
    ]
    space = space_of(features, "payer", levels={}, reach={}, ties=[SUM])
    origin = np.array([[60.0, 50.0, 10.0]])
    grids = candidates(space.columns, np.tile(origin, (3, 1)), 5)
    attack = Attack(lambda x: (x[:, 0] > 30) * 0.8 + 0.1, 0.5, space, grids, Budget(2))
    found = evade(attack, origin)
    problems = breaches(
        features,
        "payer",
        origin,
        found.rows,
        levels={},
        reach={},
        ties=[SUM],
        max_changes=2,
        max_cost=np.inf,
    )
    assert not problems
    return found


def test_a_computed_column_follows_what_it_is_computed_from():
    found = evade_sum(("total", "net"))
    assert found.rows.tolist() == [[10.0, 0.0, 10.0]]
    assert found.changes.tolist() == [1]


def test_a_computed_column_cannot_be_set_alone():
    assert not evade_sum(("total",)).evaded.any()


def test_a_relation_to_an_immutable_column_forbids_the_move():
    assert not evade_sum(("net",)).evaded.any()


def test_a_computed_column_that_would_leave_its_range_forbids_the_move():
    assert not evade_sum(("total", "net"), {"min": 35}).evaded.any()


def test_the_validator_sees_a_broken_relation():
    features = [Feature(name=n, mutable_by=("payer",)) for n in ("total", "net", "fee")]
    found = breaches(
        features,
        "payer",
        np.array([[60.0, 50.0, 10.0]]),
        np.array([[60.0, 20.0, 10.0]]),
        levels={},
        reach={},
        ties=[SUM],
        max_changes=3,
        max_cost=np.inf,
    )
    assert [(b.column, b.reason) for b in found] == [("total == net + fee", "relation broken")]
