"""Figures and intervals against scikit-learn and against what theory says they cover."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from strongroom.assess.measures import ranking as m
from strongroom.assess.measures.intervals import resampled


def scored(seed, rows, rate=0.1, shift=1.0, decimals=None):
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < rate).astype(int)
    labels[:2] = 0, 1
    scores = 1 / (1 + np.exp(-(rng.normal(size=rows) + shift * labels - 2)))
    return labels, scores if decimals is None else np.round(scores, decimals)


@given(
    st.integers(0, 2**32), st.integers(2, 300), st.sampled_from([None, 1, 2]), st.floats(0.05, 0.95)
)
def test_auc_and_ap_are_scikit_learns_with_and_without_ties(seed, rows, decimals, rate):
    labels, scores = scored(seed, rows, rate, decimals=decimals)
    r = m.rank(labels, scores)
    assert m.auc(r.positives, r.negatives) == pytest.approx(roc_auc_score(labels, scores))
    assert m.average_precision(r.positives, r.negatives) == pytest.approx(
        average_precision_score(labels, scores)
    )


@given(st.integers(0, 2**32), st.integers(2, 400), st.sampled_from([None, 1]))
def test_recall_at_a_false_positive_rate_never_exceeds_that_rate(seed, rows, decimals):
    labels, scores = scored(seed, rows, 0.3, decimals=decimals)
    r = m.rank(labels, scores)
    found = m.recall_at(0.01)(r.positives, r.negatives)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert found == pytest.approx(tpr[fpr <= 0.01].max())


def test_ranking_counts_rows_by_distinct_score_from_the_highest():
    r = m.rank(np.array([1, 0, 0, 1]), np.array([0.2, 0.9, 0.2, 0.5]))
    assert r.scores.tolist() == [0.9, 0.5, 0.2]
    assert r.positives.tolist() == [0, 1, 1]
    assert r.negatives.tolist() == [1, 0, 1]
    assert (r.n, r.events) == (4, 2)


def test_no_rows_rank_to_nothing():
    r = m.rank(np.array([], dtype=int), np.array([]))
    assert (r.n, r.events, len(r.scores)) == (0, 0, 0)


def test_thinning_keeps_the_rows_and_hardly_moves_the_figures():
    labels, scores = scored(1, 200_000, 0.02)
    r = m.rank(labels, scores)
    t = r.thinned()
    assert len(t.scores) <= m.MAX_SCORES
    assert t.positives.sum() == r.positives.sum()
    assert t.negatives.sum() == r.negatives.sum()
    assert np.all(np.diff(t.scores) < 0)
    for measure in (m.auc, m.average_precision, m.recall_at(0.01)):
        assert measure(t.positives, t.negatives) == pytest.approx(
            measure(r.positives, r.negatives), abs=0.003
        )


def test_curves_run_through_the_figures():
    labels, scores = scored(2, 5000)
    r = m.rank(labels, scores)
    at = m.roc(np.array([0.0, 0.01, 1.0]))(r.positives, r.negatives)
    assert at[-1] == 1.0
    assert at[1] == pytest.approx(m.recall_at(0.01)(r.positives, r.negatives), abs=0.01)
    precision = m.precision_recall(np.array([1.0]))(r.positives, r.negatives)
    last = np.flatnonzero(r.positives)[-1]
    assert precision[0] == pytest.approx(
        r.positives.sum() / (r.positives[: last + 1].sum() + r.negatives[: last + 1].sum())
    )


def test_same_seed_same_interval():
    r = m.rank(*scored(3, 800))
    first, second = (
        m.bootstrap(r, {"auc": m.auc}, np.random.default_rng(5), 200)["auc"] for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    """Positives N(1,1), negatives N(0,1): the true AUC is Phi(1/sqrt 2) = 0.7602."""
    held = 0
    for seed in range(120):
        labels, scores = scored(seed, 600, 0.2)
        r = m.rank(labels, scores)
        samples = m.bootstrap(r, {"auc": m.auc}, np.random.default_rng(seed), 300)["auc"]
        value = float(m.auc(r.positives, r.negatives))
        metric = resampled("auc", value, samples, r.n, events=r.events)
        held += metric.low <= 0.76025 <= metric.high
    assert 105 <= held <= 120


def test_few_events_make_a_wide_interval_even_when_the_ranking_is_perfect():
    labels, scores = np.array([1, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    r = m.rank(labels, scores)
    samples = m.bootstrap(r, {"auc": m.auc}, np.random.default_rng(0), 200)["auc"]
    metric = resampled("auc", 1.0, samples, r.n, events=r.events)
    assert metric.low < 0.5
    assert metric.high == 1.0


def test_a_thousand_resamples_of_fifty_thousand_rows_take_seconds_at_most():
    labels, scores = scored(4, 50_000, 0.02)
    measures = {"auc": m.auc, "ap": m.average_precision, "recall": m.recall_at(0.01)}
    start = time.process_time()
    samples = m.bootstrap(m.rank(labels, scores), measures, np.random.default_rng(0), 1000)
    assert time.process_time() - start < 5
    assert all(s.shape == (1000,) for s in samples.values())


def test_resampled_counts_add_up_to_the_rows():
    r = m.rank(*scored(6, 300))
    for ones, zeros in m.resamples(r, np.random.default_rng(0), 120):
        assert (ones.sum(axis=1) + zeros.sum(axis=1) == 300).all()
