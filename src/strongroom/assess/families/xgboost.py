"""XGBoost's JSON and UBJSON formats: data, parsed by XGBoost."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost.core import XGBoostError

from strongroom.assess.models import Floats, Scorer
from strongroom.assess.retrain import Recipe
from strongroom.domain.errors import InputError

_HOW: Final = (
    "colsample_bytree",
    "eta",
    "gamma",
    "grow_policy",
    "max_depth",
    "max_leaves",
    "min_child_weight",
    "reg_alpha",
    "reg_lambda",
    "subsample",
)


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:  # noqa: ARG001
    """Open a saved Booster."""
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
    except (XGBoostError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:200]
        raise InputError(f"not an XGBoost model: {reason}", where=where) from error
    return wrap(booster, threads)


def wrap(booster: Any, threads: int) -> Scorer:
    """The scorer of a Booster; a missing value is NaN."""
    booster.set_param({"nthread": threads})
    booster.feature_names = None

    def predict(rows: Floats) -> Any:
        try:
            return booster.inplace_predict(rows.astype(np.float32), missing=np.nan)
        except XGBoostError as error:
            raise InputError(f"the model cannot score these rows: {error}") from error

    return Scorer("xgboost", int(booster.num_features()), predict, booster)


def adopt(found: Any, threads: int) -> Scorer:
    """The scorer of a Booster or XGBClassifier that a restricted loader gave."""
    if isinstance(found, xgboost.Booster):
        return wrap(found, threads)
    if isinstance(found, xgboost.XGBClassifier):
        return wrap(found.get_booster(), threads)
    raise InputError(f"{type(found).__name__} is not a classifier")


def recipe_of(scorer: Scorer) -> Recipe:
    """The parameters that the model file keeps."""
    booster = scorer.native
    learner = json.loads(booster.save_config())["learner"]
    kept = learner.get("gradient_booster", {}).get("tree_train_param", {})
    rounds = booster.num_boosted_rounds()
    return Recipe(
        "xgboost",
        {**{name: kept[name] for name in _HOW if name in kept}, "rounds": rounds},
        note=f"as the XGBoost model says: {rounds} rounds",
    )


def fit(recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int) -> Scorer:
    """Train a Booster."""
    params = {k: v for k, v in recipe.params.items() if k != "rounds"} | {
        "objective": "binary:logistic",
        "nthread": threads,
        "verbosity": 0,
        "seed": seed,
    }
    data = xgboost.DMatrix(np.asarray(x, dtype=np.float32), label=y, missing=np.nan)
    booster = xgboost.train(params, data, num_boost_round=max(1, int(recipe.params["rounds"])))
    return wrap(booster, threads)
