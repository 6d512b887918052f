"""Contributions add up to the score, on every path; sampled ones come near the exact ones."""

from __future__ import annotations

from itertools import permutations

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from strongroom.assess.explain.sampled import Sampling, sampled
from strongroom.assess.explain.shapley import explain
from strongroom.assess.explain.stability import agreement, jittered, main_reasons, spread_of
from strongroom.assess.families import lightgbm as lightgbm_family
from strongroom.assess.families import sklearn as sklearn_family
from strongroom.assess.models import Scorer, open_scorer
from strongroom.assess.retrain import Recipe, make
from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.manifest import Feature
from strongroom.testing.systems import FEATURES, payments


@pytest.fixture(scope="module")
def rows():
    frame = payments(600, 1)
    return frame.select(FEATURES).to_numpy().astype(float), frame["fraud"].to_numpy()


def catboost_model(x, y, folder) -> Scorer:
    catboost = pytest.importorskip("catboost", reason="needs the catboost extra")
    model = catboost.CatBoostClassifier(
        iterations=10, verbose=0, thread_count=1, allow_writing_files=False, random_seed=0
    )
    model.fit(x, y).save_model(str(folder / "model.cbm"))
    return open_scorer(folder / "model.cbm", n_features=x.shape[1])


def linear_leaves(x, y) -> Scorer:
    params = {"objective": "binary", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(x, y), 5)
    return lightgbm_family.wrap(booster, 1)


MODELS = {
    "LightGBM": lambda x, y, _: make(Recipe("lightgbm", {"rounds": 10}), x, y, 1),
    "LightGBM with linear leaves": lambda x, y, _: linear_leaves(x, y),
    "XGBoost": lambda x, y, _: make(Recipe("xgboost", {"rounds": 10}), x, y, 1),
    "CatBoost": catboost_model,
    "logistic regression": lambda x, y, _: sklearn_family.wrap(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), 4
    ),
    "random forest": lambda x, y, _: sklearn_family.wrap(
        RandomForestClassifier(5, max_depth=4, random_state=0).fit(x, y), 4
    ),
}
SAMPLED = {"random forest", "LightGBM with linear leaves"}


@pytest.mark.parametrize("name", MODELS)
def test_base_and_contributions_add_up_to_the_score(name, rows, tmp_path):
    x, y = rows
    scorer = MODELS[name](x, y, tmp_path)
    made = explain(scorer, x[:50], x, np.random.default_rng(0))
    assert made.contributions.shape == (50, 4)
    assert made.gap(scorer.score(x[:50])) < 1e-6
    assert (made.error is not None) == (name in SAMPLED)
    assert made.scale == ("probability" if name in SAMPLED else "log-odds")
    # count_1d has no part in the simulator's frauds.
    assert np.abs(made.contributions).mean(axis=0).argmin() == 2


def test_sampled_values_are_the_mean_over_all_orders_within_their_error():
    def score(x):
        return 0.1 + 0.3 * x[:, 0] * x[:, 1] + 0.2 * x[:, 2]

    rng = np.random.default_rng(0)
    background, rows = rng.random((500, 3)), rng.random((5, 3))
    exact = np.zeros((5, 3))
    for order in permutations(range(3)):
        mixed = np.repeat(background[None], 5, axis=0)
        before = score(mixed.reshape(-1, 3)).reshape(5, -1).mean(axis=1)
        for feature in order:
            mixed[:, :, feature] = rows[:, feature, None]
            after = score(mixed.reshape(-1, 3)).reshape(5, -1).mean(axis=1)
            exact[:, feature] += (after - before) / 6
            before = after
    values, error, base = sampled(score, rows, background, rng, Sampling(pairs=200))
    assert np.all(np.abs(values - exact) < 4 * error + 1e-12)
    assert base + values.sum(axis=1) == pytest.approx(score(rows))


def test_a_query_budget_is_kept():
    with pytest.raises(LimitError, match="queries"):
        sampled(
            lambda x: x[:, 0],
            np.zeros((10, 3)),
            np.zeros((5, 3)),
            np.random.default_rng(0),
            Sampling(pairs=4, max_queries=100),
        )


def test_nothing_to_explain_is_a_clear_error(rows):
    x, y = rows
    scorer = make(Recipe("lightgbm", {"rounds": 2}), x, y, 1)
    for given, usual in ((x[:0], x), (x, x[:0])):
        with pytest.raises(InputError, match="no rows"):
            explain(scorer, given, usual, np.random.default_rng(0))


def test_missing_values_are_explained_by_trees_as_they_are_scored(rows):
    x, y = rows
    holes = x.copy()
    holes[::3, 0] = np.nan
    scorer = make(Recipe("lightgbm", {"rounds": 5}), holes, y, 1)
    made = explain(scorer, holes[:30], holes, np.random.default_rng(0))
    assert made.gap(scorer.score(holes[:30])) < 1e-6


def test_agreement_is_one_with_itself_and_falls_when_reasons_change(rows):
    x, y = rows
    scorer = make(Recipe("lightgbm", {"rounds": 10}), x, y, 1)
    made = explain(scorer, x[:50], x, np.random.default_rng(0))
    same = agreement(made, made, 2)
    assert same.ranks == pytest.approx(1.0)
    assert same.kept == pytest.approx(1.0)
    turned = type(made)(-made.contributions, made.base, "log-odds", "turned")
    assert agreement(made, turned, 2).ranks == pytest.approx(-1.0)
    assert agreement(made, turned, 1).kept.mean() < 0.3


def test_main_reasons_are_the_largest_that_raise_the_score():
    marks = main_reasons(np.array([[0.5, -0.9, 0.1, 0.3], [-1.0, -2.0, -3.0, -4.0]]), 2)
    assert marks.tolist() == [[True, False, False, True], [False] * 4]


def test_noise_keeps_rows_possible_and_leaves_whole_numbers_alone():
    features = [
        Feature(name="amount", min=0, max=10, step=0.5),
        Feature(name="hour", type="int"),
        Feature(name="share"),
    ]
    rows = np.tile([0.0, 3.0, 0.5], (200, 1))
    spread = np.array([10.0, 5.0, 0.1])
    moved, names = jittered(rows, features, spread, 0.1, np.random.default_rng(0))
    assert names == ("amount", "share")
    assert (moved[:, 1] == 3).all()
    assert moved[:, 0].min() == 0
    assert set(np.unique(moved[:, 0] * 2 % 1)) == {0.0}
    assert moved[:, 2].std() == pytest.approx(0.01, rel=0.2)


def test_the_spread_of_a_column_is_of_what_is_known():
    rows = np.array([[1.0, np.nan, 5.0, 1e300], [3.0, np.nan, np.nan, -1e300]])
    assert spread_of(rows).tolist() == [1.0, 0.0, 0.0, 0.0]
