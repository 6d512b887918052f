"""RMIA, on confidences whose truth is known, and beside LiRA on a forest."""

from __future__ import annotations

import numpy as np
import pytest

from strongroom.assess.attacks.membership import Shadows, confidence, design
from strongroom.assess.attacks.rmia import on_each, rmia
from strongroom.assess.measures.ranking import auc, rank, recall_at
from strongroom.domain.errors import InputError
from strongroom.testing.cases import ask


def shadows_that(memorise: float, n: int = 2_000, shadows: int = 16):
    """Confidences of models that are surer by `memorise` on rows they saw; and one target."""
    rng = np.random.default_rng(0)
    inside = design(n, shadows, rng)
    ease = rng.normal(0, 1, n)
    member = rng.random(n) < 0.5
    made = Shadows(ease + memorise * inside + rng.normal(0, 0.3, (shadows, n)), inside)
    return ease + memorise * member + rng.normal(0, 0.3, n), made, member


def test_a_model_that_memorises_gives_its_members_away():
    target, shadows, member = shadows_that(memorise=2)
    ranking = rank(member, rmia(target, shadows))
    assert auc(ranking.positives, ranking.negatives) > 0.95


def test_a_model_that_does_not_memorise_gives_nothing_away():
    target, shadows, member = shadows_that(memorise=0)
    ranking = rank(member, rmia(target, shadows))
    assert abs(auc(ranking.positives, ranking.negatives) - 0.5) < 0.03
    assert recall_at(0.01)(ranking.positives, ranking.negatives) < 0.03


def test_the_ratio_is_what_the_paper_says_by_hand():
    seen = confidence(np.array([[0.8], [0.6], [0.4], [0.2]]), np.ones(1))
    shadows = Shadows(seen, np.array([[True], [False], [False], [False]]))
    # The one that saw the row counts for as much as the three that did not.
    expected = np.log(0.9 / ((0.8 + 0.4) / 2))
    assert rmia(confidence(np.array([0.9]), np.ones(1)), shadows) == pytest.approx([expected])


def test_the_ratio_ranks_rows_as_the_share_of_the_population_that_they_beat_does():
    target, shadows, _ = shadows_that(memorise=1, n=300)
    ratio = rmia(target, shadows)
    share = (ratio[:, None] >= ratio[None, :]).mean(axis=1)
    assert (np.argsort(share, kind="stable") == np.argsort(ratio, kind="stable")).all()


def test_rows_without_shadows_on_both_sides_are_refused():
    with pytest.raises(InputError, match="both sides"):
        rmia(np.zeros(1), Shadows(np.zeros((2, 1)), np.array([[True], [True]])))


def test_a_constant_model_scores_every_row_alike():
    inside = design(100, 4, np.random.default_rng(0))
    made = rmia(np.zeros(100), Shadows(np.zeros((4, 100)), inside))
    assert np.ptp(made) == pytest.approx(0, abs=1e-12)


def test_each_shadow_is_attacked_by_the_others_with_any_attack():
    _, shadows, _ = shadows_that(memorise=1, n=200, shadows=6)
    alone = rmia(shadows.confidence[3], shadows.without(3))
    assert np.array_equal(on_each(rmia, shadows)[3], alone)


def test_the_check_reports_both_attacks_from_the_same_shadows(workshop):
    quick = {"shadows": 4, "max_rows": 3_000, "replicates": 100, "exposed": 3}
    heard = ask(workshop.load(), "privacy.membership", quick)
    for name in "auc", "tpr@fpr=0.001", "tpr@fpr=0.01":
        assert {name, f"rmia.{name}", f"recipe.{name}", f"recipe.rmia.{name}"} <= set(heard.metrics)
    assert {"roc", "rmia.roc"} <= set(heard.curves)
    rows = heard.findings[-1].facts["most_exposed_by_rmia"]
    assert len(set(rows)) == 3
    assert all(isinstance(row, int) for row in rows)
