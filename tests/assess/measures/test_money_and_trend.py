"""Sums of money drawn again in blocks, calibration slopes, and trends of groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from strongroom.assess.measures.money import Blocks
from strongroom.assess.measures.ranking import bootstrap, rank
from strongroom.assess.measures.recalibration import error_by_chance, observed_expected, slope
from strongroom.assess.measures.reliability import bins_of, calibration_error
from strongroom.assess.measures.trend import Trend, holm


@pytest.mark.parametrize("limit", [8, 64])
def test_sums_in_blocks_are_exact_in_mean_and_variance(limit):
    rng = np.random.default_rng(0)
    n, cells = 20_000, 3
    cell, amounts = rng.integers(0, cells, n), rng.lognormal(2, 1.5, n)
    blocks = Blocks.of(cell, amounts, cells, limit=limit)
    assert blocks.sums() == pytest.approx([amounts[cell == c].sum() for c in range(cells)])
    assert blocks.counts().tolist() == np.bincount(cell).tolist()
    money, counts = blocks.redraw(np.random.default_rng(1), 4000)
    assert counts.sum(axis=1).tolist() == [n] * 4000
    for c in range(cells):
        mine = np.where(cell == c, amounts, 0)
        assert money[:, c].mean() == pytest.approx(mine.sum(), rel=0.01)
        assert money[:, c].var() == pytest.approx(n * mine.var(), rel=0.1)


def test_few_rows_are_drawn_one_by_one():
    cell, amounts = np.array([0, 0, 2]), np.array([5.0, 1.0, 7.0])
    blocks = Blocks.of(cell, amounts, 4)
    assert sorted(blocks.mean.tolist()) == [1, 5, 7]
    assert not blocks.variance.any()
    money, _ = blocks.redraw(np.random.default_rng(0), 300)
    assert set(money[:, 2]) == {0, 7, 14, 21}
    assert not money[:, [1, 3]].any()


@pytest.mark.parametrize("amounts", [np.zeros(500), np.full(500, 3.0)])
def test_amounts_that_are_all_the_same_are_no_trouble(amounts):
    blocks = Blocks.of(np.zeros(500, dtype=int), amounts, 1)
    money, _ = blocks.redraw(np.random.default_rng(0), 10)
    assert money[:, 0] == pytest.approx([amounts.sum()] * 10)


def test_the_slope_undoes_what_was_done_to_the_log_odds():
    rng = np.random.default_rng(0)
    true = expit(rng.normal(-1, 1.2, 40_000))
    labels = (rng.random(40_000) < true).astype(int)
    for stretch in (0.5, 1.0, 2.0):
        ranking = rank(labels, expit(stretch * logit(true))).thinned(512)
        measure = slope(ranking)
        assert measure(ranking.positives, ranking.negatives) == pytest.approx(1 / stretch, rel=0.05)
        drawn = bootstrap(ranking, {"slope": measure}, rng, 100)["slope"]
        assert drawn.std() == pytest.approx(0.013 / stretch, rel=0.35)


def test_a_slope_without_an_end_is_no_number():
    labels = np.array([0] * 50 + [1] * 50)
    apart = rank(labels, np.linspace(0.01, 0.99, 100))
    assert np.isnan(slope(apart)(apart.positives, apart.negatives))
    flat = rank(labels, np.full(100, 0.5))
    assert np.isfinite(observed_expected(flat)(flat.positives, flat.negatives))


def test_perfect_scores_show_about_the_error_that_chance_makes():
    rng = np.random.default_rng(0)
    shown, told = [], []
    for _ in range(40):
        p = rng.beta(2, 8, 1500)
        ranking = rank((rng.random(1500) < p).astype(int), p)
        shown.append(calibration_error(ranking)(ranking.positives, ranking.negatives))
        told.append(error_by_chance(ranking, bins_of(ranking)))
    assert np.mean(told) == pytest.approx(np.mean(shown), rel=0.1)


def drawn_trend(rng, drift: float, groups: int = 4) -> Trend:
    rows = np.full((6, groups), 400)
    rate = np.full((6, groups), 0.2)
    rate[:, 0] += np.linspace(0, drift, 6)
    return Trend.of(rng.binomial(rows, rate), rows)


def test_a_steady_group_is_called_drifting_about_as_often_as_stated():
    rng = np.random.default_rng(0)
    every = np.ones(4, dtype=bool)
    trends = [drawn_trend(rng, 0.0) for _ in range(400)]
    alarms = np.mean([(holm(t.chances()) < 0.05).any() for t in trends])
    beyond = np.mean([t.worst(every).low > 0 for t in trends])
    assert alarms < 0.08
    assert beyond < 0.08


def test_a_drifting_group_is_found_and_its_change_told():
    rng = np.random.default_rng(1)
    trends = [drawn_trend(rng, 0.15) for _ in range(60)]
    assert np.mean([t.change[0] for t in trends]) == pytest.approx(0.15, abs=0.01)
    assert np.std([t.change[0] for t in trends]) == pytest.approx(trends[0].error[0], rel=0.3)
    assert np.mean([holm(t.chances())[0] < 0.05 for t in trends]) > 0.9


def test_a_window_without_any_hit_is_not_certain():
    rows = np.full((3, 2), 50)
    trend = Trend.of(np.zeros((3, 2), dtype=int), rows)
    assert trend.change.tolist() == [0, 0]
    assert (trend.error > 0).all()
