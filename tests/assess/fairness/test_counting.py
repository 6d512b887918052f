"""Group rates by counting cells, held against scikit-learn group by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, recall_score

from strongroom.assess.measures.groups import (
    RATES,
    Cells,
    Least,
    band_names,
    disparity,
    measure,
    quantile_bands,
    rates,
)


def population(seed: int, n: int, groups: int):
    rng = np.random.default_rng(seed)
    return rng.integers(0, groups, n), rng.integers(0, 2, n), rng.random(n) < 0.3


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 6))
def test_rates_are_scikit_learns_for_each_group(seed, n, groups):
    group, labels, flagged = population(seed, n, groups)
    made = rates(Cells.of(group, labels, flagged, groups).counts)
    for one in range(groups):
        y, hit = labels[group == one], flagged[group == one]
        expected = {
            "selection": hit.mean() if len(y) else np.nan,
            "favourable": (~hit).mean() if len(y) else np.nan,
            "fnr": (~hit[y == 1]).mean() if y.any() else np.nan,
            "accuracy": (y == hit).mean() if len(y) else np.nan,
            "tpr": recall_score(y, hit, zero_division=np.nan) if len(y) else np.nan,
            "fpr": recall_score(1 - y, hit, zero_division=np.nan) if len(y) else np.nan,
            "precision": precision_score(y, hit, zero_division=np.nan) if len(y) else np.nan,
        }
        for name in RATES:
            assert made[name][one] == pytest.approx(expected[name], nan_ok=True)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.permutations(range(50)))
def test_the_order_of_rows_does_not_matter(seed, order):
    group, labels, flagged = population(seed, 50, 3)
    straight = Cells.of(group, labels, flagged, 3)
    mixed = Cells.of(group[order], labels[order], flagged[order], 3)
    assert np.array_equal(straight.counts, mixed.counts)


def test_ratio_and_gap_by_hand():
    # Group 0 catches 8 of 10, group 1 4 of 10, group 2 is not eligible.
    counts = np.array([[80, 10, 2, 8], [85, 5, 6, 4], [1, 0, 1, 0]])
    cells = Cells(counts)
    drawn = rates(cells.redraw(np.random.default_rng(0), 1_000))["tpr"]
    made = disparity(rates(counts)["tpr"], drawn, np.array([0, 1]))
    assert made.ratio.value == pytest.approx(0.5)
    assert made.gap.value == pytest.approx(0.4)
    assert (made.lowest, made.highest) == (1, 0)
    assert made.ratio.low < 0.4 < made.ratio.high
    assert cells.positives.tolist() == [10, 10, 1]
    assert cells.rows.tolist() == [100, 100, 2]


def test_equal_groups_have_ratio_one_and_so_have_groups_with_no_flag_at_all():
    for cell in ([70, 10, 10, 10], [90, 0, 10, 0]):
        rate = rates(np.array([cell, cell]))["tpr"]
        made = disparity(rate, np.stack([rate, rate]), np.array([0, 1]))
        assert (made.ratio.value, made.gap.value) == (1.0, 0.0)


def test_the_bootstrap_of_cells_spreads_like_a_bootstrap_of_rows():
    group, labels, flagged = population(1, 3_000, 3)
    cells = Cells.of(group, labels, flagged, 3)
    fast = rates(cells.redraw(np.random.default_rng(2), 2_000))["tpr"]
    rng = np.random.default_rng(3)
    slow = []
    for _ in range(600):
        i = rng.integers(0, 3_000, 3_000)
        slow.append(rates(Cells.of(group[i], labels[i], flagged[i], 3).counts)["tpr"])
    assert fast.mean(axis=0) == pytest.approx(np.mean(slow, axis=0), abs=0.005)
    assert fast.std(axis=0) == pytest.approx(np.std(slow, axis=0), rel=0.15)


def test_a_group_is_compared_only_in_rates_that_it_has_enough_rows_for():
    # Group 1 has 5 rows of label 1 and one that is flagged; group 2 is small altogether.
    cells = Cells(np.array([[80, 20, 20, 80], [150, 1, 5, 0], [9, 9, 9, 9]]))
    fit = Least(rows=100, labelled=20).fit(cells)
    assert fit["selection"].tolist() == fit["accuracy"].tolist() == [True, True, False]
    assert fit["tpr"].tolist() == fit["fnr"].tolist() == [True, False, False]
    assert fit["fpr"].tolist() == [True, True, False]
    assert fit["precision"].tolist() == [True, False, False]
    found = measure(cells, cells.redraw(np.random.default_rng(0), 200), Least())
    assert set(found.between) == {"selection", "favourable", "fpr", "accuracy"}


def test_each_rate_of_each_group_has_an_interval_that_holds_it_or_none_at_all():
    cells = Cells(np.array([[80, 20, 20, 80], [150, 0, 0, 0], [0, 0, 0, 0]]))
    found = measure(cells, cells.redraw(np.random.default_rng(0), 500), Least())
    for rate in RATES:
        assert found.low[rate][0] < found.values[rate][0] < found.high[rate][0], rate
    assert np.isnan([found.values["tpr"][1], found.low["tpr"][1], found.high["tpr"][2]]).all()
    assert found.values["favourable"][1] == 1.0


def test_bands_hold_about_equal_parts_and_repeated_values_make_fewer():
    assert quantile_bands(np.arange(100.0), 4).tolist() == [25, 50, 75]
    assert quantile_bands(np.array([1.0] * 90 + [2.0] * 10), 4).tolist() == []
    assert quantile_bands(np.array([np.nan, 1.0, 2.0]), 2).tolist() == [2.0]
    assert quantile_bands(np.array([np.nan]), 4).tolist() == []


def test_bands_are_named_by_their_edges():
    assert band_names(np.array([30.0, 45.0])) == ("< 30", "30 – 45", "≥ 45")
    assert band_names(np.array([])) == ("all",)
