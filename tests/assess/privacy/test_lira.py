"""LiRA, on confidences whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.assess.attacks.membership import (
    Shadows,
    confidence,
    design,
    lira,
)
from strongroom.assess.attacks.operating import threshold_at_fpr
from strongroom.assess.attacks.rmia import on_each
from strongroom.assess.measures.ranking import auc, rank, recall_at
from strongroom.domain.errors import InputError


@given(st.integers(1, 200), st.sampled_from([4, 8, 16]), st.integers(0, 10**6))
def test_each_row_is_in_exactly_half_of_the_shadows(rows, shadows, seed):
    inside = design(rows, shadows, np.random.default_rng(seed))
    assert (inside.sum(axis=0) == shadows // 2).all()
    assert (inside[:2].sum(axis=0) == 1).all()  # and so is every even number of them
    assert set(inside.sum(axis=1)) <= {rows // 2, rows - rows // 2}


@pytest.mark.parametrize("shadows", [0, 2, 3, 7])
def test_too_few_or_odd_shadows_are_refused(shadows):
    with pytest.raises(InputError, match="even number"):
        design(10, shadows, np.random.default_rng(0))


def shadows_that(memorise: float, n: int = 2_000, shadows: int = 16, seed: int = 0):
    """Confidences of models that are surer by `memorise` on rows they saw; and one target."""
    rng = np.random.default_rng(seed)
    inside = design(n, shadows, rng)
    ease = rng.normal(0, 3, n)
    member = rng.random(n) < 0.5
    made = Shadows(ease + memorise * inside + rng.normal(0, 1, (shadows, n)), inside)
    return ease + memorise * member + rng.normal(0, 1, n), made, member


def test_a_model_that_memorises_gives_its_members_away():
    target, shadows, member = shadows_that(memorise=6)
    scores = lira(target, shadows)
    ranking = rank(member, scores)
    assert auc(ranking.positives, ranking.negatives) > 0.999
    assert recall_at(0.001)(ranking.positives, ranking.negatives) > 0.95


def test_a_model_that_does_not_memorise_gives_nothing_away():
    target, shadows, member = shadows_that(memorise=0)
    scores = lira(target, shadows)
    ranking = rank(member, scores)
    assert abs(auc(ranking.positives, ranking.negatives) - 0.5) < 0.03
    assert recall_at(0.01)(ranking.positives, ranking.negatives) < 0.03


def test_rows_that_are_easy_do_not_look_like_members():
    """The difference from a plain confidence attack, which mistakes ease for membership."""
    target, shadows, _ = shadows_that(memorise=1)
    easy = target > np.median(target)
    scores = lira(target, shadows)
    by_lira, by_confidence = rank(easy, scores), rank(easy, target)
    assert abs(auc(by_lira.positives, by_lira.negatives) - 0.5) < 0.25
    assert auc(by_confidence.positives, by_confidence.negatives) == 1.0


def test_a_constant_model_scores_every_row_alike():
    n, labels = 500, np.arange(500) % 2
    inside = design(n, 8, np.random.default_rng(0))
    made = Shadows(confidence(np.full((8, n), 0.5), labels), inside)
    scores = lira(confidence(np.full(n, 0.5), labels), made)
    assert np.ptp(scores) == 0
    ranking = rank(np.arange(500) < 250, scores)
    assert auc(ranking.positives, ranking.negatives) == 0.5
    assert recall_at(0.01)(ranking.positives, ranking.negatives) == 0.0


def test_the_likelihood_ratio_is_what_two_gaussians_give_by_hand():
    confidences = np.array([[2.0, 0.0], [4.0, 2.0], [0.0, 1.0], [2.0, 3.0]])
    inside = np.array([[True, True], [True, True], [False, False], [False, False]])
    # Means in: 3, 1; out: 1, 2. Pooled variances: (1+1+1+1)/2 = 2 in, (1+1+1+1)/2 = 2 out.
    made = lira(np.array([3.0, 2.0]), Shadows(confidences, inside))
    assert made == pytest.approx([(4 - 0) / 4, (0 - 1) / 4])


def test_each_shadow_is_attacked_by_the_others_only():
    _, shadows, _ = shadows_that(memorise=3, n=300, shadows=6)
    every = on_each(lira, shadows)
    alone = lira(shadows.confidence[2], shadows.without(2))
    assert np.array_equal(every[2], alone)
    changed = shadows.inside.copy()
    changed[2] = ~changed[2]
    assert np.array_equal(on_each(lira, Shadows(shadows.confidence, changed))[2], alone)


def test_rows_without_shadows_on_both_sides_are_refused():
    inside = np.array([[True], [True]])
    with pytest.raises(InputError, match="both sides"):
        lira(np.zeros(1), Shadows(np.zeros((2, 1)), inside))


def test_confidence_is_the_log_odds_of_the_true_label_and_finite_at_the_ends():
    made = confidence(np.array([0.5, 0.9, 0.9, 0.0, 1.0]), np.array([1, 1, 0, 1, 1]))
    assert made[:3] == pytest.approx([0, np.log(9), -np.log(9)])
    assert np.isfinite(made).all()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.floats(0, 1))
def test_the_threshold_keeps_the_false_positive_rate_and_is_the_lowest_that_does(values, fpr):
    negatives = np.array(values) / 20
    labels = np.zeros(len(negatives))
    t = threshold_at_fpr(negatives, labels, fpr)
    assert (negatives >= t).mean() <= fpr + 1e-9
    below = negatives[negatives < t]
    if below.size:
        assert (negatives >= below.max()).mean() > fpr - 1e-9
