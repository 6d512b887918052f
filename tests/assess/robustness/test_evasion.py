"""The search over feasible moves, held against exhaustive search and a second opinion."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.assess.attacks.attack import Attack, Budget, Evasion, candidates
from strongroom.assess.attacks.constraints import Space, space_of
from strongroom.assess.attacks.evasion import evade
from strongroom.assess.attacks.validator import breaches
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature

FEATURES = (
    Feature(name="amount", min=0.01, max=5_000, step=0.01, mutable_by=("payer",)),
    Feature(name="count", type="int", min=0, max=20, direction="up", mutable_by=("payer",), cost=2),
    Feature(name="night", type="bool", mutable_by=("payer",)),
    Feature(name="channel", type="category", categories=("web", "pos"), mutable_by=("payer",)),
    Feature(name="age_of_card", min=0, max=60),
)
LEVELS = {"channel": np.array([0.0, 1.0])}
REACH = {"amount": 0.10}


def rows(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            np.round(rng.uniform(0.01, 5_000, n), 2),
            rng.integers(0, 21, n),
            rng.integers(0, 2, n),
            rng.integers(0, 2, n),
            rng.uniform(0, 60, n),
        ]
    ).astype(float)


def steps(seed: int, columns: int = len(FEATURES)):
    """A model of jumps and interactions, such as trees are; deterministic."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(8, columns))
    cuts = rng.uniform(-1, 1, 8)
    scale = np.array([2_500, 10, 0.5, 0.5, 30])[:columns]

    def score(x: np.ndarray) -> np.ndarray:
        made = ((x / scale - 1) @ weights.T > cuts).mean(axis=1)
        return made * 0.98 + 0.01

    return score


def attack(score, origin, *, threshold=0.4, budget=None, space=None) -> tuple[Evasion, Space]:
    space = space or space_of(FEATURES, "payer", levels=LEVELS, reach=REACH)
    grids = candidates(space.columns, rows(99, 500), 8)
    return evade(Attack(score, threshold, space, grids, budget or Budget()), origin), space


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([1.0, 2.0, 3.0, np.inf]))
def test_every_row_that_the_search_returns_is_feasible(seed, changes, cost):
    origin = rows(seed, 30)
    budget = Budget(max_changes=changes, max_cost=cost)
    found, _ = attack(steps(seed), origin, budget=budget)
    assert not breaches(
        FEATURES,
        "payer",
        origin,
        found.rows,
        levels=LEVELS,
        reach=REACH,
        max_changes=changes,
        max_cost=cost,
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 60))
def test_more_changes_or_queries_never_lower_success(seed, changes, queries):
    origin = rows(seed, 30)
    score = steps(seed)
    small, _ = attack(score, origin, budget=Budget(changes, max_queries=queries))
    wider, _ = attack(score, origin, budget=Budget(changes + 1, max_queries=queries))
    longer, _ = attack(score, origin, budget=Budget(changes, max_queries=queries * 2))
    assert (small.evaded <= wider.evaded).all()
    assert (small.evaded <= longer.evaded).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.randoms())
def test_the_order_of_rows_does_not_matter(seed, random):
    origin = rows(seed, 300)
    order = list(range(300))
    random.shuffle(order)
    straight, _ = attack(steps(seed), origin)
    mixed, _ = attack(steps(seed), origin[order])
    assert np.array_equal(straight.rows[order], mixed.rows)
    assert np.array_equal(straight.queries[order], mixed.queries)


def exhaustive(score, threshold, row, space, grids) -> int | None:
    """Fewest columns that evade, trying every combination of every value."""
    choices = []
    for column, grid in zip(space.columns, grids, strict=True):
        wished = np.concatenate([grid, row[column.index] * np.linspace(0.9, 1.1, len(grid))])
        wished = wished if np.isfinite(column.reach) else grid
        values = column.project(wished[None], np.array([[row[column.index]]]))[0]
        choices.append([v for v in np.unique(values) if np.isfinite(v) and v != row[column.index]])
    for changes in range(len(choices) + 1):
        for chosen in combinations(range(len(choices)), changes):
            for values in product(*(choices[i] for i in chosen)):
                tried = row.copy()
                tried[[space.columns[i].index for i in chosen]] = values
                if score(tried[None])[0] < threshold:
                    return changes
    return None


@pytest.mark.parametrize("seed", range(12))
def test_a_wide_beam_finds_the_fewest_changes_that_exhaustive_search_finds(seed):
    origin, score = rows(seed, 12), steps(seed)
    space = space_of(
        FEATURES, "payer", levels=LEVELS, reach=REACH, only=("amount", "count", "night")
    )
    grids = candidates(space.columns, rows(99, 500), 8)
    budget = Budget(max_changes=3, beam=10_000, max_queries=10**6)
    wide, _ = attack(score, origin, budget=budget, space=space)
    greedy, _ = attack(score, origin, budget=Budget(max_changes=3, beam=1), space=space)
    for row in range(len(origin)):
        fewest = exhaustive(score, 0.4, origin[row], space, grids)
        assert wide.evaded[row] == (fewest is not None)
        assert fewest is None or wide.changes[row] == fewest
        # Greedy is exact for one change and never finds what is not there.
        assert not greedy.evaded[row] or fewest is not None
        assert (greedy.evaded[row] and greedy.changes[row] <= 1) == (fewest in (0, 1))


def test_a_model_that_reads_only_immutable_columns_is_never_evaded():
    origin = rows(1, 50)
    found, _ = attack(lambda x: np.where(x[:, 4] >= 0, 0.9, 0.1), origin)
    assert not found.evaded.any()
    assert found.finished.all()


def test_two_fields_that_matter_only_together_are_found():
    def both(x):
        return np.where((x[:, 2] == 1) & (x[:, 3] == 1), 0.1, 0.9)

    origin = np.array([[100.0, 3, 0, 0, 10]])
    found, _ = attack(both, origin, budget=Budget(max_changes=2, beam=100))
    assert found.evaded_within(1) == 0
    assert found.evaded_within(2) == 1
    assert found.rows[0].tolist() == [100.0, 3, 1, 1, 10]


def test_the_cheapest_of_equally_short_evasions_is_returned():
    def either(x):
        return np.where((x[:, 1] > 5) | (x[:, 2] == 1), 0.1, 0.9)

    found, _ = attack(either, np.array([[100.0, 3, 0, 0, 10]]))
    assert found.cost.tolist() == [1.0]
    assert found.rows[0, 2] == 1


def test_queries_are_counted_and_kept_within_budget():
    scored = 0

    def never(x):
        nonlocal scored
        scored += len(x)
        return np.full(len(x), 0.9)

    found, _ = attack(never, rows(3, 40), budget=Budget(max_changes=3, max_queries=25))
    assert found.queries.max() <= 25
    assert scored == found.queries.sum() + 40  # and one score of each row as it was


def test_when_the_clock_runs_out_unsearched_rows_are_unfinished_not_robust():
    space = space_of(FEATURES, "payer", levels=LEVELS, reach=REACH)
    grids = candidates(space.columns, rows(99, 500), 8)
    calls = iter([False] * 4 + [True] * 10**6)
    found = evade(
        Attack(lambda x: np.full(len(x), 0.9), 0.4, space, grids, Budget(max_changes=1)),
        rows(4, 4_000),
        stop=lambda: next(calls),
    )
    assert 0 < found.finished.sum() < 4_000
    assert found.evaded_within(1) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_gives_no_number_stops_the_attack(bad):
    with pytest.raises(InputError, match="finite score"):
        attack(lambda x: np.full(len(x), bad), rows(5, 3))


def test_no_rows_and_no_budget_end_at_once():
    assert len(attack(steps(0), rows(0, 0))[0].rows) == 0
    found, _ = attack(lambda x: np.full(len(x), 0.9), rows(0, 5), budget=Budget(max_changes=0))
    assert found.finished.all()
    assert not found.evaded.any()
    assert found.queries.sum() == 0
