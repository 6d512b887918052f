"""Fitted scikit-learn classifiers, as the restricted loaders of skops and pickle give them."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from strongroom.assess.models import Floats, Scorer
from strongroom.assess.retrain import Recipe
from strongroom.domain.errors import InputError

_BOOSTERS: Final = frozenset({"lightgbm", "xgboost"})
"""Packages whose models come in scikit-learn's clothes and are scored faster without them."""


def adopt(found: Any, *, n_features: int, threads: int, where: str) -> Scorer:
    """The scorer of whatever a restricted loader gave. Raises InputError unless it classifies."""
    package = type(found).__module__.partition(".")[0]
    try:
        if package in _BOOSTERS:
            scorer: Scorer = import_module(f"strongroom.assess.families.{package}").adopt(
                found, threads
            )
            return scorer
        check_is_fitted(found)
    except (NotFittedError, TypeError, AttributeError) as error:
        raise InputError(f"not a fitted classifier: {error}", where=where) from error
    if hasattr(found, "n_jobs"):
        found.n_jobs = threads
    # Column names of the training frame would make scikit-learn warn about every plain array.
    vars(found).pop("feature_names_in_", None)
    return wrap(found, n_features)


def wrap(estimator: Any, n_features: int) -> Scorer:
    """The scorer of a fitted classifier whose classes are 0 and 1."""
    classes = np.asarray(getattr(estimator, "classes_", ()))
    if classes.shape != (2,) or classes.dtype.kind not in "biuf" or list(classes) != [0, 1]:
        raise InputError(f"the model's classes are {list(classes)[:5]}, not 0 and 1")
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{type(estimator).__name__} gives no probabilities",
            fix="wrap it in CalibratedClassifierCV",
        )

    def predict(rows: Floats) -> Any:
        return estimator.predict_proba(rows)[:, 1]

    width = int(getattr(estimator, "n_features_in_", n_features))
    return Scorer("sklearn", width, predict, estimator)


def recipe_of(scorer: Scorer) -> Recipe:
    """The estimator itself, to be cloned."""
    name = type(scorer.native).__name__
    return Recipe("sklearn", template=scorer.native, note=f"cloned from the {name}")


def fit(recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int) -> Scorer:
    """Clone and fit."""
    estimator = clone(recipe.template)
    known = estimator.get_params()
    ours = {k: seed for k in known if k == "random_state" or k.endswith("__random_state")}
    ours |= {k: threads for k in known if k == "n_jobs"}
    rows: Floats = np.asarray(x, dtype=np.float64)
    return wrap(estimator.set_params(**ours).fit(rows, y), rows.shape[1])
