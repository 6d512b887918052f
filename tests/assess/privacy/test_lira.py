"""LiRA and the ROC arithmetic it rests on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from strongroom.assess.attacks.membership import (
    Shadows,
    confidence,
    design,
    lira,
    lira_on_shadows,
)
from strongroom.assess.attacks.statistics import Ranking, threshold_at_fpr, wilson
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
    ranking = Ranking.of(scores[member], scores[~member])
    assert ranking.auc() > 0.999
    assert ranking.tpr_at(0.001) > 0.95


def test_a_model_that_does_not_memorise_gives_nothing_away():
    target, shadows, member = shadows_that(memorise=0)
    scores = lira(target, shadows)
    ranking = Ranking.of(scores[member], scores[~member])
    assert abs(ranking.auc() - 0.5) < 0.03
    assert ranking.tpr_at(0.01) < 0.03


def test_rows_that_are_easy_do_not_look_like_members():
    """The difference from a plain confidence attack, which mistakes ease for membership."""
    target, shadows, _ = shadows_that(memorise=1)
    easy = target > np.median(target)
    scores = lira(target, shadows)
    assert abs(Ranking.of(scores[easy], scores[~easy]).auc() - 0.5) < 0.25
    assert Ranking.of(target[easy], target[~easy]).auc() == 1.0


def test_a_constant_model_scores_every_row_alike():
    n, labels = 500, np.arange(500) % 2
    inside = design(n, 8, np.random.default_rng(0))
    made = Shadows(confidence(np.full((8, n), 0.5), labels), inside)
    scores = lira(confidence(np.full(n, 0.5), labels), made)
    assert np.ptp(scores) == 0
    ranking = Ranking.of(scores[:250], scores[250:])
    assert ranking.auc() == 0.5
    assert ranking.tpr_at(0.01) == 0.0


def test_the_likelihood_ratio_is_what_two_gaussians_give_by_hand():
    confidences = np.array([[2.0, 0.0], [4.0, 2.0], [0.0, 1.0], [2.0, 3.0]])
    inside = np.array([[True, True], [True, True], [False, False], [False, False]])
    # Means in: 3, 1; out: 1, 2. Pooled variances: (1+1+1+1)/2 = 2 in, (1+1+1+1)/2 = 2 out.
    made = lira(np.array([3.0, 2.0]), Shadows(confidences, inside))
    assert made == pytest.approx([(4 - 0) / 4, (0 - 1) / 4])


def test_each_shadow_is_attacked_by_the_others_only():
    _, shadows, _ = shadows_that(memorise=3, n=300, shadows=6)
    every = lira_on_shadows(shadows)
    alone = lira(shadows.confidence[2], shadows.without(2))
    assert np.array_equal(every[2], alone)
    changed = shadows.inside.copy()
    changed[2] = ~changed[2]
    assert np.array_equal(lira_on_shadows(Shadows(shadows.confidence, changed))[2], alone)


def test_rows_without_shadows_on_both_sides_are_refused():
    inside = np.array([[True], [True]])
    with pytest.raises(InputError, match="both sides"):
        lira(np.zeros(1), Shadows(np.zeros((2, 1)), inside))


def test_confidence_is_the_log_odds_of_the_true_label_and_finite_at_the_ends():
    made = confidence(np.array([0.5, 0.9, 0.9, 0.0, 1.0]), np.array([1, 1, 0, 1, 1]))
    assert made[:3] == pytest.approx([0, np.log(9), -np.log(9)])
    assert np.isfinite(made).all()


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 6), st.integers(0, 10**6))
def test_the_roc_is_scikit_learns(positives, negatives, distinct, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, distinct, positives).astype(float)
    b = rng.integers(0, distinct, negatives).astype(float)
    labels = np.r_[np.ones(positives), np.zeros(negatives)]
    ranking = Ranking.of(a, b)
    assert ranking.auc() == pytest.approx(roc_auc_score(labels, np.r_[a, b]))
    fpr, tpr, _ = roc_curve(labels, np.r_[a, b], drop_intermediate=False)
    assert np.allclose(ranking.curve(), (fpr, tpr))
    for limit in (0.0, 0.1, 0.5, 1.0):
        assert ranking.tpr_at(limit) == pytest.approx(tpr[fpr <= limit + 1e-12].max())


def test_the_bootstrap_spreads_as_the_theory_says():
    rng = np.random.default_rng(0)
    ranking = Ranking.of(rng.normal(1, 1, 400), rng.normal(0, 1, 400))
    areas, rates = ranking.bootstrap(np.random.default_rng(1), (0.05, 0.2), 2_000)
    auc = ranking.auc()
    # Hanley and McNeil (1982).
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    theory = np.sqrt((auc * (1 - auc) + 399 * (q1 + q2 - 2 * auc**2)) / 400**2)
    assert areas.shape == (2_000,)
    assert rates.shape == (2, 2_000)
    assert areas.mean() == pytest.approx(auc, abs=0.005)
    assert areas.std() == pytest.approx(theory, rel=0.15)
    assert rates[1].mean() == pytest.approx(ranking.tpr_at(0.2), abs=0.02)


def test_a_roc_of_nothing_or_of_nan_is_refused():
    for a, b in ([], [1.0]), ([1.0], []), ([np.nan], [1.0]):
        with pytest.raises(InputError):
            Ranking.of(np.array(a), np.array(b))


def test_wilson_holds_at_the_ends_and_by_hand():
    assert wilson(0, 100).low == 0.0
    assert wilson(0, 100).high == pytest.approx(0.0370, abs=1e-4)
    assert wilson(100, 100).high == 1.0
    middle = wilson(50, 100)
    assert (middle.low, middle.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    with pytest.raises(InputError):
        wilson(0, 0)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.floats(0, 1))
def test_the_threshold_keeps_the_false_positive_rate_and_is_the_lowest_that_does(values, fpr):
    negatives = np.array(values) / 20
    labels = np.zeros(len(negatives))
    t = threshold_at_fpr(negatives, labels, fpr)
    assert (negatives >= t).mean() <= fpr + 1e-9
    below = negatives[negatives < t]
    if below.size:
        assert (negatives >= below.max()).mean() > fpr - 1e-9
