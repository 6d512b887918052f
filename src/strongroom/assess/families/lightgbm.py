"""LightGBM's text format: data, parsed by LightGBM."""

from __future__ import annotations

import re
from typing import Any, Final

import lightgbm
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray

from strongroom.assess.models import Floats, Scorer
from strongroom.assess.retrain import Recipe
from strongroom.domain.errors import InputError

_HOW: Final = frozenset(
    {
        # Not all that the file says: it may also name files to read and machines to talk to.
        "bagging_fraction",
        "bagging_freq",
        "boost_from_average",
        "boosting",
        "cat_l2",
        "cat_smooth",
        "data_sample_strategy",
        "drop_rate",
        "extra_trees",
        "feature_fraction",
        "feature_fraction_bynode",
        "is_unbalance",
        "lambda_l1",
        "lambda_l2",
        "learning_rate",
        "linear_tree",
        "max_bin",
        "max_cat_to_onehot",
        "max_delta_step",
        "max_depth",
        "max_drop",
        "min_data_in_bin",
        "min_data_in_leaf",
        "min_gain_to_split",
        "min_sum_hessian_in_leaf",
        "monotone_constraints",
        "neg_bagging_fraction",
        "num_leaves",
        "other_rate",
        "path_smooth",
        "pos_bagging_fraction",
        "scale_pos_weight",
        "skip_drop",
        "top_rate",
        "use_missing",
        "zero_as_missing",
    }
)


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:  # noqa: ARG001
    """Open a saved Booster."""
    if not _whole(data):
        raise InputError("a damaged or cut LightGBM model", where=where, fix="save it again")
    try:
        booster = lightgbm.Booster(model_str=data.decode("utf-8"))
    except (LightGBMError, ValueError) as error:
        raise InputError(f"not a LightGBM model: {error}", where=where) from error
    return wrap(booster, threads)


def _whole(data: bytes) -> bool:
    """Whether every part stands where the file says: LightGBM 4.7 kills the process if not."""
    if b"\nparameters:" in data and b"end of parameters" not in data:
        return False
    start, sizes = data.find(b"\nTree=0\n") + 1, re.search(rb"\ntree_sizes=([0-9 ]*)\n", data)
    if sizes is not None and start:
        for number, size in enumerate(sizes[1].split()):
            if len(size) > 12 or not data.startswith(b"Tree=%d\n" % number, start):
                return False
            start += int(size)
    return b"end of trees" in data[start:]


def wrap(booster: Any, threads: int) -> Scorer:
    """The scorer of a Booster."""
    if booster.num_model_per_iteration() != 1:
        raise InputError("a LightGBM model of more than two classes")

    def predict(rows: Floats) -> Any:
        try:
            return booster.predict(rows, num_threads=threads)
        except LightGBMError as error:
            raise InputError(f"the model cannot score these rows: {error}") from error

    return Scorer("lightgbm", int(booster.num_feature()), predict, booster)


def adopt(found: Any, threads: int) -> Scorer:
    """The scorer of a Booster or LGBMClassifier that a restricted loader gave."""
    if isinstance(found, lightgbm.Booster):
        return wrap(found, threads)
    if isinstance(found, lightgbm.LGBMClassifier):
        return wrap(found.booster_, threads)
    raise InputError(f"{type(found).__name__} is not a classifier")


def recipe_of(scorer: Scorer) -> Recipe:
    """The parameters that the model file keeps."""
    booster = scorer.native
    params = {k: v for k, v in booster.params.items() if k in _HOW}
    rounds = booster.num_trees()
    return Recipe(
        "lightgbm", {**params, "rounds": rounds}, note=f"as the LightGBM model says: {rounds} trees"
    )


def fit(recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int) -> Scorer:
    """Train a Booster."""
    # Ours last: nothing in a model file decides on threads, seeds or output.
    params = {k: v for k, v in recipe.params.items() if k != "rounds"} | {
        "objective": "binary",
        "num_threads": threads,
        "verbosity": -1,
        "seed": seed,
        "deterministic": True,
    }
    data = lightgbm.Dataset(x, label=y, params={"verbosity": -1})
    booster = lightgbm.train(params, data, num_boost_round=max(1, int(recipe.params["rounds"])))
    return wrap(booster, threads)
