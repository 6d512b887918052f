"""What can be counted in an opened model: parameters, leaves, kept rows; and classes of scores.

The risks are those of statistical disclosure control applied to models: Ritchie et al., "Machine
learning models in trusted research environments" (SACRO, 2023).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.models import Scorer

_KEEPS_ROWS: Final = ("KNeighbors", "RadiusNeighbors", "SVC", "NuSVC", "GaussianProcess")
"""Beginnings of the names of scikit-learn classifiers that hold training rows."""


@dataclass(frozen=True, slots=True)
class Insides:
    """What the model is made of; None for what cannot be seen."""

    kind: str
    parameters: int | None = None
    """Numbers that were learnt: for trees, a column, a threshold a split and a value a leaf."""
    smallest_leaf: int | None = None
    """Training rows that reach the emptiest leaf that any reaches."""
    least_leaf: float | None = None
    """Rows that the settings let a leaf hold."""
    keeps_rows: bool = False


@dataclass(frozen=True, slots=True)
class Classes:
    """Rows that share a score."""

    rows: NDArray[np.int64]
    """In each class."""
    flagged: NDArray[np.int64]
    """Of them, with label 1."""


def score_classes(scores: Floats, labels: NDArray[Any], round_to: float) -> Classes:
    """Group rows whose scores round to the same multiple of `round_to`."""
    _, place = np.unique(np.round(scores / round_to).astype(np.int64), return_inverse=True)
    rows = np.bincount(place)
    return Classes(rows, np.bincount(place, weights=labels == 1).astype(np.int64))


def insides_of(scorer: Scorer, x: Floats) -> Insides:
    """Look into the model, which its family's loader has opened; `x` are its training rows."""
    look = {"lightgbm": _lightgbm, "xgboost": _xgboost, "sklearn": _sklearn}.get(scorer.family)
    return Insides(scorer.family) if look is None else look(scorer.native, x)


def _of_trees(leaves: int, trees: int) -> int:
    return 2 * (leaves - trees) + leaves


def _lightgbm(booster: Any, x: Floats) -> Insides:
    trees = booster.dump_model()["tree_info"]
    leaves = sum(int(tree["num_leaves"]) for tree in trees)
    place = np.asarray(booster.predict(x, pred_leaf=True)).reshape(len(x), -1)
    least = booster.params.get("min_data_in_leaf", 20)
    parameters = _of_trees(leaves, len(trees))
    return Insides("LightGBM", parameters, _smallest(place), float(least))


def _xgboost(booster: Any, x: Floats) -> Insides:  # noqa: ARG001 - the same shape for all
    dumps = booster.get_dump(dump_format="json")
    leaves = sum(dump.count('"leaf"') for dump in dumps)
    config = json.loads(booster.save_config())
    found = _find(config, "min_child_weight")
    # A weight of h is h / 4 rows or more, since a row weighs p (1 - p), which is at most a quarter.
    least = None if found is None else max(1.0, float(found))
    return Insides("XGBoost", _of_trees(leaves, len(dumps)), None, least)


def _find(config: Any, key: str) -> str | None:
    if isinstance(config, dict):
        if key in config:
            return str(config[key])
        config = list(config.values())
    if isinstance(config, list):
        return next((f for part in config if (f := _find(part, key)) is not None), None)
    return None


def _sklearn(estimator: Any, x: Floats) -> Insides:
    """The last step of a pipeline is the one that counts."""
    while hasattr(estimator, "steps"):
        if len(estimator.steps) > 1:
            x = np.asarray(estimator[:-1].transform(x))
        estimator = estimator.steps[-1][1]
    kind = type(estimator).__name__
    if kind.startswith(_KEEPS_ROWS):
        return Insides(kind, keeps_rows=True)
    if hasattr(estimator, "coef_"):
        return Insides(kind, int(np.size(estimator.coef_) + np.size(estimator.intercept_)))
    if not hasattr(estimator, "apply"):
        return Insides(kind)
    single = hasattr(estimator, "tree_")
    trees = [estimator] if single else list(np.ravel(np.asarray(estimator.estimators_, object)))
    leaves = sum(int(tree.get_n_leaves()) for tree in trees)
    place = np.asarray(estimator.apply(x)).reshape(len(x), -1)
    least = estimator.min_samples_leaf
    rows = least if isinstance(least, int) else least * len(x)
    return Insides(kind, _of_trees(leaves, len(trees)), _smallest(place), float(rows))


def _smallest(place: NDArray[Any]) -> int:
    """Of all leaves that some row reaches; `place` is (rows, trees)."""
    counts = (np.bincount(column.astype(np.int64)) for column in place.T)
    return min((int(c[c > 0].min()) for c in counts), default=len(place))
