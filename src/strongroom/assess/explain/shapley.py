"""Shapley values of scores: each feature's part in how far a score is from the usual one.

The fastest exact way that the model has:

| model | how | scale |
|---|---|---|
| LightGBM, XGBoost, CatBoost | the library's own path through trees (TreeSHAP), exact | log-odds |
| logistic regression, also scaled | coefficient times distance from the mean, exact | log-odds |
| any other, endpoints included | sampled orders of the features, with their error | probability |

The parts always add up: `base + sum of contributions` is the score on that scale. *Exact* is exact
for a definition of "usual": trees weigh their branches by the training rows that went there;
linear and sampled values take the background rows that they are given. So values of different
kinds of models are not to be compared with one another.

Sources: Lundberg and Lee, NeurIPS 2017; Lundberg and others, Nature Machine Intelligence 2 (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal

import numpy as np

from strongroom.assess.explain.sampled import Sampling, sampled
from strongroom.assess.measures.groups import Floats
from strongroom.assess.models import Scorer
from strongroom.domain.errors import InputError

_SCALERS: Final = frozenset({"StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"})
"""Which move each column by itself along a straight line."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why some rows score as they do."""

    contributions: Floats
    """(rows, features); above 0 they raise the score."""
    base: float
    """What a row would score of which nothing is known."""
    scale: Literal["log-odds", "probability"]
    method: str
    error: Floats | None = field(default=None, repr=False)
    """(rows, features) standard error of sampled contributions; None where they are exact."""

    @property
    def totals(self) -> Floats:
        """(rows,) scores as the contributions add up to them, as probabilities."""
        made: Floats = self.base + self.contributions.sum(axis=1)
        return made if self.scale == "probability" else 1 / (1 + np.exp(-np.clip(made, -700, 700)))

    def gap(self, scores: Floats) -> float:
        """The largest distance of `totals` from the scores that the model itself gives."""
        return float(np.abs(self.totals - scores).max(initial=0.0))


def explain(
    scorer: Scorer,
    rows: Floats,
    background: Floats,
    rng: np.random.Generator,
    *,
    threads: int = 1,
    sampling: Sampling | None = None,
) -> Explanation:
    """Contributions of each feature of `rows` (n, d); `background` are ordinary rows (m, d).

    Raises InputError where there is no row or no background, or the model cannot score them.
    """
    x = np.ascontiguousarray(rows, dtype=np.float64)
    if not len(x) or not len(background):
        raise InputError("nothing to explain, or nothing to compare it with: no rows")
    found = _exact(scorer, x, background, threads)
    if found is not None:
        return found
    values, error, base = sampled(scorer.score, x, background, rng, sampling or Sampling())
    return Explanation(values, base, "probability", "sampled orders of features", error)


def _exact(scorer: Scorer, x: Floats, background: Floats, threads: int) -> Explanation | None:
    if scorer.family == "sklearn":
        return _linear(scorer.native, x, background)
    path = _PATHS.get(scorer.family)
    if path is None:
        return None
    made = path(scorer.native, x, threads)
    if made is None:
        return None
    if made.shape != (len(x), x.shape[1] + 1):
        raise InputError(f"contributions of shape {made.shape} for rows of {x.shape}")
    # All rows have the same base: it depends on the trees only.
    return Explanation(
        np.array(made[:, :-1], dtype=np.float64), float(made[0, -1]), "log-odds", "TreeSHAP"
    )


def _lightgbm(booster: Any, x: Floats, threads: int) -> Any:
    basic = import_module("lightgbm.basic")
    try:
        return booster.predict(x, pred_contrib=True, num_threads=threads)
    except basic.LightGBMError:
        return None  # trees with linear models in their leaves have no such path


def _xgboost(booster: Any, x: Floats, threads: int) -> Any:
    xgboost = import_module("xgboost")
    data = xgboost.DMatrix(x.astype(np.float32), missing=np.nan, nthread=threads)
    return booster.predict(data, pred_contribs=True)


def _catboost(model: Any, x: Floats, threads: int) -> Any:
    catboost = import_module("catboost")
    return model.get_feature_importance(
        data=catboost.Pool(x), type="ShapValues", thread_count=threads
    )


_PATHS: Final[Mapping[str, Callable[[Any, Floats, int], Any]]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
}


def _linear(estimator: Any, x: Floats, background: Floats) -> Explanation | None:
    """Logistic regression, or a pipeline of scalers that ends in one; else None."""
    steps = [step for _, step in getattr(estimator, "steps", (("", estimator),))]
    *before, last = steps
    if type(last).__name__ != "LogisticRegression" or any(
        step != "passthrough" and type(step).__name__ not in _SCALERS for step in before
    ):
        return None
    usual = np.asarray(background, dtype=np.float64)
    for step in before:
        if step != "passthrough":
            x, usual = step.transform(x), step.transform(usual)
    coefficients = np.asarray(last.coef_, dtype=np.float64)[0]
    mean = usual.mean(axis=0)
    base = float(last.intercept_[0] + mean @ coefficients)
    return Explanation((x - mean) * coefficients, base, "log-odds", "linear")
