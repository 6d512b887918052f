"""Each attack finds what is there, keeps to the constraints and the budget, and ends."""

from __future__ import annotations

import numpy as np
import pytest

from strongroom.assess.attacks.attack import Attack, Budget, candidates
from strongroom.assess.attacks.constraints import space_of
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.genetic import evolve
from strongroom.assess.attacks.gradient import descend
from strongroom.assess.attacks.label_only import decide
from strongroom.assess.attacks.transfer import transfer
from strongroom.assess.attacks.validator import breaches
from strongroom.assess.nets.slopes import Slopes
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature
from strongroom.governance.relations import parse_relation

PAYER = ("payer",)
FEATURES = (
    Feature(name="net", min=1, max=100, step=0.5, mutable_by=PAYER, cost=2),
    Feature(name="fee", min=0, max=10, step=0.5, mutable_by=PAYER),
    Feature(name="total", min=1, max=110, mutable_by=PAYER),
    Feature(name="web", type="bool", mutable_by=PAYER),
    Feature(name="shop", type="bool", mutable_by=PAYER),
    Feature(name="age", min=0, max=100),
)
TIES = (parse_relation("total == net + fee"),)
GROUPS = (("web", "shop"),)
RNG = np.random.default_rng(0)
N = 60
NET, FEE = np.round(RNG.uniform(40, 100, N) * 2) / 2, np.round(RNG.uniform(4, 10, N) * 2) / 2
WEB = RNG.integers(0, 2, N)
ROWS = np.column_stack([NET, FEE, NET + FEE, WEB, 1 - WEB, RNG.uniform(0, 100, N)])
CALM = ROWS.copy()
CALM[:, 0], CALM[:, 1] = np.round(NET / 10), np.round(FEE / 10 * 2) / 2
CALM[:, 2] = CALM[:, 0] + CALM[:, 1]
THRESHOLD = 0.5


def risk(rows):
    """Flags large totals, and the web."""
    return 1 / (1 + np.exp(-(rows[:, 2] - 30 + 20 * rows[:, 3]) / 10))


def slope(rows):
    """The gradient of the log odds of `risk`."""
    numbers = np.zeros(rows.shape)
    numbers[:, 2], numbers[:, 3] = 0.1, 2.0
    return Slopes(numbers, {})


def attack_of(score=risk, **budget) -> Attack:
    space = space_of(FEATURES, "payer", levels={}, reach={}, ties=TIES, one_hot=GROUPS)
    return Attack(score, THRESHOLD, space, candidates(space.columns, CALM, 8), Budget(**budget))


def fit(x, labels):
    """A surrogate that knows the centres of both classes."""
    no, yes = x[labels == 0].mean(axis=0), x[labels == 1].mean(axis=0)
    middle, way = (no + yes) / 2, yes - no
    return lambda rows: 1 / (1 + np.exp(-(rows - middle) @ way / 1e3))


METHODS = {
    "gradient": lambda attack, rows, **how: descend(
        attack, slope, rows, np.random.default_rng(1), **how
    ),
    "greedy": evade,
    "genetic": lambda attack, rows, **how: evolve(attack, rows, np.random.default_rng(1), **how),
    "label_only": lambda attack, rows, **how: decide(
        attack, rows, CALM, np.random.default_rng(1), **how
    ),
    "transfer": lambda attack, rows, **how: transfer(
        attack, rows, CALM, fit, np.random.default_rng(1), **how
    ),
}
BLIND = ("label_only", "transfer")


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def detected():
    return ROWS[risk(ROWS) >= THRESHOLD]


def judge(attack, origin, found):
    return breaches(
        FEATURES,
        "payer",
        origin,
        found.rows,
        levels={},
        reach={},
        ties=TIES,
        one_hot=GROUPS,
        max_changes=attack.budget.max_changes,
        max_cost=attack.budget.max_cost,
    )


def test_it_evades_and_what_it_returns_is_feasible_within_budget_and_true(method):
    attack, rows = attack_of(max_changes=3, max_queries=600), detected()
    found = method(attack, rows)
    assert found.finished.all()
    assert found.evaded.mean() > 0.9
    assert judge(attack, rows, found) == ()
    assert (risk(found.rows[found.evaded]) < THRESHOLD).all()
    assert (found.queries <= 600).all()
    moved = (found.rows != rows)[:, [0, 1]].sum(axis=1) + (found.rows != rows)[:, 3]
    assert (moved[found.evaded] == found.changes[found.evaded]).all()


def test_the_same_randomness_finds_the_same(method):
    attack, rows = attack_of(max_changes=2, max_queries=200), detected()[:10]
    first, again = method(attack, rows), method(attack, rows)
    assert np.array_equal(first.rows, again.rows)
    assert np.array_equal(first.queries, again.queries)


@pytest.mark.parametrize("budget", [{"max_changes": 0}, {"max_queries": 0}, {"max_cost": 0.5}])
def test_with_nothing_to_spend_nothing_evades(method, budget):
    found = method(attack_of(**budget), detected())
    assert found.finished.all()
    assert not found.evaded.any()
    assert not found.changes[found.evaded].any()


def test_a_cost_budget_keeps_to_what_is_cheap(method):
    attack, rows = attack_of(max_changes=3, max_cost=1.0, max_queries=300), detected()
    found = method(attack, rows)
    assert judge(attack, rows, found) == ()
    assert (found.rows[:, 0] == rows[:, 0]).all()


def test_a_row_that_is_not_detected_needs_no_change(method):
    found = method(attack_of(), CALM[:3] * [1, 1, 1, 0, 0, 1] + [0, 0, 0, 0, 1, 0])
    assert found.evaded.all()
    assert not found.changes.any()


def test_no_rows_are_no_trouble(method):
    assert len(method(attack_of(), ROWS[:0]).rows) == 0


def test_a_clock_that_has_run_out_leaves_every_row_unfinished(method):
    found = method(attack_of(), detected(), stop=lambda: True)
    assert not found.finished.any()


def test_a_model_that_always_flags_is_not_evaded_and_the_attack_ends(method):
    found = method(attack_of(lambda rows: np.ones(len(rows)), max_queries=100), detected())
    assert found.finished.all()
    assert not found.evaded.any()
    assert (found.queries <= 100).all()


def test_a_model_that_gives_no_number_is_refused(method):
    with pytest.raises(InputError, match="finite score"):
        method(attack_of(lambda rows: np.full(len(rows), np.nan)), detected())


@pytest.mark.parametrize("name", BLIND)
def test_who_sees_decisions_only_learns_nothing_from_the_scores_size(name):
    """A model that hides all but its decision is attacked alike, row by row."""
    sees = METHODS[name](attack_of(max_queries=200), detected())
    blind = METHODS[name](
        attack_of(lambda rows: (risk(rows) >= THRESHOLD) * 1.0, max_queries=200), detected()
    )
    assert np.array_equal(sees.rows, blind.rows)


def test_two_changes_of_which_neither_helps_alone_are_found_by_the_genetic_search():
    """A greedy search of beam 1 sees a plateau; breeding whole sets does not."""

    def locked(rows):
        open_ = (rows[:, 0] <= 10) & (rows[:, 1] <= 1)
        return np.where(open_, 0.1, 0.9)

    attack, rows = attack_of(locked, max_changes=2, max_queries=2_000), detected()[:10]
    assert evolve(attack, rows, np.random.default_rng(0)).evaded.all()


def test_a_walk_by_decisions_ends_near_where_it_began():
    """What is left of the change is only what the decision needs."""
    attack, rows = attack_of(max_changes=1, max_queries=500), detected()
    rows = rows[rows[:, 3] == 0]
    found = METHODS["label_only"](attack, rows)
    assert (found.rows[found.evaded, 2] > 20).all()


def test_without_ordinary_rows_a_blind_attacker_cannot_begin():
    with pytest.raises(InputError, match="no ordinary rows"):
        decide(attack_of(), ROWS, CALM[:0], RNG)
    with pytest.raises(InputError, match="no ordinary rows"):
        transfer(attack_of(), ROWS, CALM[:0], fit, RNG)


def test_a_one_hot_group_that_he_controls_in_part_is_frozen():
    half = [*FEATURES[:4], Feature(name="shop", type="bool"), FEATURES[5]]
    space = space_of(half, "payer", levels={}, reach={}, one_hot=GROUPS)
    assert [column.name for column in space.columns] == ["net", "fee", "total"]


def test_the_validator_refuses_a_group_with_two_or_none():
    spoiled = ROWS.copy()
    spoiled[0, 3:5], spoiled[1, 3:5] = 1, 0
    bad = breaches(
        FEATURES,
        "payer",
        ROWS,
        spoiled,
        levels={},
        reach={},
        one_hot=GROUPS,
        max_changes=2,
        max_cost=9,
    )
    assert [(b.row, b.reason) for b in bad] == [
        (0, "not exactly one of a group"),
        (1, "not exactly one of a group"),
    ]
