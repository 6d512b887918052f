"""Logistic regression under differential privacy, by diffprivlib."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from strongroom.assess.dp.bounds import Bounds, Floats
from strongroom.assess.dp.mechanisms import Use
from strongroom.domain.errors import MissingExtra

if TYPE_CHECKING:
    from strongroom.assess.dp.training import Plan

try:
    from diffprivlib import models
except ModuleNotFoundError as error:
    raise MissingExtra("private", "training linear models privately") from error

SUFFIX: Final = ".skops"


def train(
    plan: Plan,  # noqa: ARG001 - the same shape for all kinds
    use: Use,
    bounds: Bounds,
    x: Floats,
    y: NDArray[np.int64],
    rng: np.random.Generator,  # noqa: ARG001
) -> bytes:
    """A scikit-learn pipeline of plain weights, as skops: it keeps nothing else of the rows."""
    model = models.LogisticRegression(
        epsilon=use.parameters["epsilon"],
        data_norm=float(np.sqrt(x.shape[1])),
        max_iter=1_000,
        random_state=None,  # the system's own secrets: a seed could be tried out
    )
    with warnings.catch_warnings():
        # diffprivlib 0.6 hands SciPy options that SciPy no longer reads.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.fit(bounds.scaled(x), y)
    # Scaling moves into the weights: whoever scores needs no bounds.
    plain = LogisticRegression()
    plain.classes_ = np.array([0, 1])
    plain.coef_ = model.coef_ / bounds.half
    plain.intercept_ = model.intercept_ - plain.coef_ @ bounds.middle
    plain.n_features_in_ = x.shape[1]
    fill = SimpleImputer(keep_empty_features=True).fit(bounds.middle[None])
    made: bytes = skops.io.dumps(make_pipeline(fill, plain))
    return made
