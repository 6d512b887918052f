"""Two versions compared: the tests are those of the literature, and noise is told as such."""

import json
import os
import shutil
import subprocess
import sys

import lightgbm
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from strongroom.assess.comparison import (
    Compared,
    Verdict,
    compare_metrics,
    compare_scores,
    corrected,
    worse,
)
from strongroom.assess.comparison_worker import compare_systems
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Metric, Threshold
from strongroom.testing.systems import FEATURES, Workshop


def manifest(folder):
    return folder / "strongroom.yaml"


def scored(n, seed, *, noise=1.0, shared=1.0):
    """Labels and two models' scores, which share part of their noise."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.2).astype(np.int8)
    common = rng.normal(size=n) * shared
    made = [stats.norm.cdf(labels + common + rng.normal(size=n) * s) for s in (1.0, noise)]
    return labels, made[0], made[1]


def compare(labels, a, b, **more):
    found = compare_scores(
        labels, a, b, fpr=0.05, rng=np.random.default_rng(0), replicates=200, **more
    )
    return {c.figure: c for c in found}


def test_figures_are_those_of_scikit_learn():
    labels, a, b = scored(2000, 1)
    found = compare(labels, a, b)
    assert found["auc"].before == pytest.approx(roc_auc_score(labels, a))
    assert found["auc"].after == pytest.approx(roc_auc_score(labels, b))
    assert found["average_precision"].after == pytest.approx(average_precision_score(labels, b))
    assert found["brier"].before == pytest.approx(np.mean((a - labels) ** 2))


def test_delong_has_the_spread_that_repetition_shows():
    """The standard error of the difference, against 200 draws of new rows."""
    apart, claimed = [], []
    for seed in range(200):
        labels, a, b = scored(300, seed)
        one = compare_scores(labels, a, b, fpr=0.05, rng=np.random.default_rng(0), replicates=1)[0]
        apart.append(one.after - one.before)
        claimed.append((one.high - one.low) / (2 * 1.959964))
    assert np.mean(claimed) == pytest.approx(np.std(apart), rel=0.15)


@pytest.mark.slow
def test_no_difference_is_rarely_called_one():
    """Of 60 pairs of equally good models 3 may be told apart by chance, by any of the tests."""
    called = 0
    for seed in range(60):
        labels, a, b = scored(300, seed)
        found = compare_scores(
            labels, a, b, fpr=0.05, rng=np.random.default_rng(seed), replicates=60
        )
        called += any(c.verdict is not Verdict.NONE for c in found)
    assert called <= 8


def test_the_same_model_is_no_difference_in_anything():
    labels, a, _ = scored(500, 1)
    assert {c.verdict for c in compare(labels, a, a).values()} == {Verdict.NONE}


def test_a_worse_model_is_called_worse_by_every_figure_of_ranking():
    labels, a, b = scored(6000, 1, noise=4.0, shared=0.3)
    found = compare(labels, a, b)
    assert found["auc"].verdict is Verdict.WORSE
    assert found["average_precision"].verdict is Verdict.WORSE
    assert found["recall@fpr=0.05"].verdict is Verdict.WORSE
    assert {c.figure for c in worse(found.values())} >= {"auc", "recall@fpr=0.05"}
    back = compare(labels, b, a)
    assert back["auc"].verdict is Verdict.BETTER
    assert back["auc"].p == pytest.approx(found["auc"].p)


def test_decisions_are_compared_by_mcnemars_exact_test():
    labels, a, b = scored(2000, 3)
    one = compare(labels, a, b)["recall@fpr=0.05"]
    cuts = [np.sort(s[labels == 0])[::-1][int(0.05 * (labels == 0).sum())] for s in (a, b)]
    hits = [s[labels == 1] > cut for s, cut in zip((a, b), cuts, strict=True)]
    only = int((hits[1] & ~hits[0]).sum()), int((hits[0] & ~hits[1]).sum())
    assert one.p == pytest.approx(stats.binomtest(only[0], sum(only), 0.5).pvalue)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    def with_p(p):
        return Compared("x", 0, 1, 0, 1, 10, "m", True, p)

    found = corrected([with_p(0.04), with_p(0.01), with_p(None), with_p(0.03)])
    assert [c.corrected for c in found] == [
        pytest.approx(0.06),
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
    ]


def metric(name, value, half):
    return Metric(name, value, value - half, value + half, 100)


def test_unpaired_figures_are_told_apart_only_by_intervals_that_do_not_meet():
    before = {"r/success": metric("success", 0.5, 0.1), "r/f1": metric("f1", 0.5, 0.1)}
    after = {"r/success": metric("success", 0.8, 0.1), "r/f1": metric("f1", 0.6, 0.1)}
    bounds = [("r", Threshold("success", at_most=0.3))]
    found = {c.figure: c for c in compare_metrics(before, after, bounds)}
    assert found["r/success"].verdict is Verdict.WORSE
    assert found["r/f1"].verdict is Verdict.NONE
    assert "no difference found at n = 100" in str(found["r/f1"])


def test_which_way_is_better_is_not_guessed():
    before, after = {"r/x": metric("x", 0.1, 0.01)}, {"r/x": metric("x", 0.9, 0.01)}
    (one,) = compare_metrics(before, after, [])
    assert one.verdict is Verdict.HIGHER


def test_too_few_rows_of_a_label_are_an_error():
    with pytest.raises(InputError, match="10 are needed"):
        compare(np.r_[np.ones(3), np.zeros(50)], np.linspace(0, 1, 53), np.linspace(1, 0, 53))


@pytest.fixture
def spoiled(workshop, tmp_path):
    """The same system with a model that learnt from shuffled labels."""
    folder = tmp_path / "spoiled"
    shutil.copytree(workshop.folder, folder)
    train = Workshop(folder).frame("train")
    labels = np.random.default_rng(0).permutation(train["fraud"].to_numpy())
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    data = lightgbm.Dataset(train.select(FEATURES).to_numpy(), labels)
    lightgbm.train(params, data, 5).save_model(folder / "model.txt")
    return folder


def test_two_folders_are_compared_on_the_rows_of_the_newer_one(workshop, spoiled):
    found = {
        c.figure: c
        for c in compare_systems(manifest(workshop.folder), manifest(spoiled), fpr=0.01, seed=0)
    }
    assert found["auc"].verdict is Verdict.WORSE
    assert found["auc"].n == 1500


def test_a_model_that_cannot_be_opened_is_an_error_not_a_crash(workshop, spoiled):
    (spoiled / "model.txt").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(InputError):
        compare_systems(manifest(workshop.folder), manifest(spoiled), fpr=0.01, seed=0)


@pytest.mark.slow
def test_the_program_says_worse_and_leaves_with_1(workshop, spoiled):
    done = subprocess.run(
        [sys.executable, "-m", "strongroom.cli", "assess", str(spoiled), "--check", "data.schema",
         "--against", str(workshop.folder), "--format", "json"],
        env={**os.environ, "STRONGROOM_HOME": str(workshop.folder.parent / "home")},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)["against"]
    assert said["worse"]
    assert {c["figure"]: c["verdict"] for c in said["paired"]}["auc"] == "worse"
