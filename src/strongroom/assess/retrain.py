"""Fits fresh models of the same kind as one that was opened, for checks that need more than one.

A recipe is what could be learnt from the opened model about how it was made. For ONNX nothing can:
the recipe is then a stated stand-in, and its note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.models import Floats, Scorer

_STAND_IN: Final[Mapping[str, Any]] = {"num_leaves": 31, "learning_rate": 0.1, "rounds": 100}
_NOT_HOW: Final = frozenset(
    # Where files lie, what is printed and how many threads run say nothing about the model.
    "machine_list_filename data valid input_model output_model output_result initscore_filename"
    " config task device_type num_threads verbosity seed snapshot_freq save_period".split()
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make another model of the kind."""

    family: str
    """`lightgbm`, `xgboost` or `sklearn`."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """For boosters, native parameters and `rounds`."""
    template: Any = None
    """For scikit-learn: an estimator to clone."""
    note: str = ""
    """Where the recipe comes from, for people."""


def recipe_of(scorer: Scorer) -> Recipe:
    """What can be learnt from the opened model."""
    if scorer.family == "lightgbm":
        return _lightgbm_recipe(scorer.native)
    if scorer.family == "xgboost":
        return _xgboost_recipe(scorer.native)
    if scorer.family == "sklearn":
        name = type(scorer.native).__name__
        return Recipe("sklearn", template=scorer.native, note=f"cloned from the {name}")
    return Recipe(
        "lightgbm",
        _STAND_IN,
        note=f"{scorer.family} does not say how it was trained: 100 trees of 31 leaves stand in",
    )


def make(
    recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int = 1
) -> Scorer:
    """Fit the recipe on rows (n, features) and labels (n,) of 0 and 1, both classes present."""
    if recipe.family == "lightgbm":
        return _fit_lightgbm(recipe.params, x, y, seed, threads)
    if recipe.family == "xgboost":
        return _fit_xgboost(recipe.params, x, y, seed, threads)
    return _fit_sklearn(recipe.template, x, y, seed, threads)


def _lightgbm_recipe(booster: Any) -> Recipe:
    kept = {k: v for k, v in booster.params.items() if k not in _NOT_HOW}
    rounds = booster.num_trees()
    params = {**kept, "objective": "binary", "rounds": rounds}
    for word in ("num_iterations", "num_boost_round", "early_stopping_round", "metric"):
        params.pop(word, None)
    return Recipe("lightgbm", params, note=f"read from the LightGBM model: {rounds} trees")


def _xgboost_recipe(booster: Any) -> Recipe:
    import json

    config = json.loads(booster.save_config())["learner"]
    tree = config.get("gradient_booster", {}).get("tree_train_param", {})
    wanted = ("max_depth", "eta", "min_child_weight", "reg_lambda", "reg_alpha", "subsample",
              "colsample_bytree", "gamma", "max_leaves", "grow_policy")  # fmt: skip
    params = {k: tree[k] for k in wanted if k in tree}
    rounds = booster.num_boosted_rounds()
    return Recipe(
        "xgboost",
        {**params, "rounds": rounds},
        note=f"read from the XGBoost model: {rounds} rounds",
    )


def _fit_lightgbm(
    params: Mapping[str, Any], x: NDArray[Any], y: NDArray[Any], seed: int, threads: int
) -> Scorer:
    import lightgbm

    from strongroom.assess.boosters import wrap_lightgbm

    given = {k: v for k, v in params.items() if k != "rounds"}
    # Last, so that nothing in the model file decides on threads, seeds or output.
    given |= {"objective": "binary", "num_threads": threads, "verbosity": -1, "seed": seed,
              "deterministic": True}  # fmt: skip
    data = lightgbm.Dataset(x, label=y, params={"verbosity": -1}, free_raw_data=True)
    return wrap_lightgbm(
        lightgbm.train(given, data, num_boost_round=max(1, int(params["rounds"]))), threads
    )


def _fit_xgboost(
    params: Mapping[str, Any], x: NDArray[Any], y: NDArray[Any], seed: int, threads: int
) -> Scorer:
    import xgboost

    from strongroom.assess.boosters import wrap_xgboost

    given = {k: v for k, v in params.items() if k != "rounds"}
    given |= {"objective": "binary:logistic", "nthread": threads, "verbosity": 0, "seed": seed}
    data = xgboost.DMatrix(np.asarray(x, dtype=np.float32), label=y, missing=np.nan)
    return wrap_xgboost(
        xgboost.train(given, data, num_boost_round=max(1, int(params["rounds"]))), threads
    )


def _fit_sklearn(
    template: Any, x: NDArray[Any], y: NDArray[Any], seed: int, threads: int
) -> Scorer:
    from sklearn.base import clone

    from strongroom.assess.estimators import wrap

    estimator = clone(template)
    known = estimator.get_params()
    fresh = {k: seed for k in known if k == "random_state" or k.endswith("__random_state")}
    fresh |= {k: threads for k in known if k == "n_jobs"}
    estimator.set_params(**fresh)
    x64: Floats = np.asarray(x, dtype=np.float64)
    return wrap(estimator.fit(x64, y), x64.shape[1])
