"""The ways themselves: weights, fairlearn's search under a bound, thresholds by group."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from strongroom.assess.measures.groups import Bools, Counts, Floats
from strongroom.domain.errors import MissingExtra

try:
    from fairlearn.postprocessing import ThresholdOptimizer
    from fairlearn.reductions import (
        DemographicParity,
        ErrorRate,
        ExponentiatedGradient,
        TruePositiveRateParity,
    )
except ModuleNotFoundError as error:
    raise MissingExtra("private", "fairness mitigation") from error


class Model(Protocol):
    """What is trained: an opened or fitted `Scorer` is one."""

    def score(self, rows: Floats, /) -> Floats:
        """Probabilities of class 1."""


Fit: TypeAlias = Callable[[Floats, Counts], Model]
Rate: TypeAlias = Literal["selection", "tpr"]
_BOUNDS: Final[Mapping[str, Any]] = {"selection": DemographicParity, "tpr": TruePositiveRateParity}
_PARITY: Final = {"selection": "demographic_parity", "tpr": "true_positive_rate_parity"}


@dataclass(frozen=True, slots=True)
class People:
    """Rows (n, d), labels of 0 and 1, groups of 0, 1, …, and the money of each row."""

    x: Floats
    y: Counts
    group: Counts
    money: Floats | None = None
    """Without it every row is one unit."""

    def only(self, rows: Counts) -> People:
        """Some of them."""
        money = None if self.money is None else self.money[rows]
        return People(self.x[rows], self.y[rows], self.group[rows], money)


@dataclass(frozen=True, slots=True)
class Aim:
    """What the search under a bound is to reach."""

    rate: Rate
    bound: float
    """Largest gap between groups in training."""
    threshold: float
    """Score from which a row is flagged today: it says what a wrong flag costs beside a miss."""


def reweighing(group: Counts, y: Counts, strength: float) -> Floats:
    """(rows,) weights under which label and group are independent, at strength 1; 0 is none.

    A row counts P(group) · P(label) / P(group, label).
    """
    n, groups = len(y), int(group.max()) + 1
    joint = np.bincount(group * 2 + y, minlength=groups * 2).reshape(groups, 2)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True) / n
    weight = expected / np.maximum(joint, 1)
    made: Floats = 1 + strength * (weight[group, y] - 1)
    return made


def drawn(weight: Floats, rng: np.random.Generator) -> Counts:
    """As many rows as there are, by their weight."""
    chance = np.maximum(weight, 0)
    return rng.choice(len(chance), len(chance), p=chance / chance.sum())


class Learner(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A `fit` in scikit-learn's clothes: weights become draws, scores decisions at one half."""

    def __init__(self, fit_rows: Fit, seed: int) -> None:
        self.fit_rows = fit_rows
        self.seed = seed

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Learner:
        """Train on rows drawn by their weight; one label alone is its own model."""
        rows, labels = np.asarray(x, dtype=np.float64), np.asarray(y).astype(np.int64)
        weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight)
        chosen = drawn(weight, np.random.default_rng(self.seed))
        self.classes_ = np.array([0, 1])
        y = labels[chosen]
        self.only_ = int(y[0]) if (y == y[0]).all() else None
        self.model_ = None if self.only_ is not None else self.fit_rows(rows[chosen], y)
        return self

    def predict(self, x: Any) -> Counts:
        """0 or 1, (rows,)."""
        if self.model_ is None:
            return np.full(len(x), self.only_, dtype=np.int64)
        made: Counts = (self.model_.score(np.asarray(x, dtype=np.float64)) >= 0.5).astype(np.int64)
        return made


class _Fitted(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A trained model in scikit-learn's clothes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.classes_ = np.array([0, 1])

    def fit(self, x: Any, y: Any) -> _Fitted:  # noqa: ARG002
        """Nothing: it is trained."""
        return self

    def predict_proba(self, x: Any) -> Floats:
        """(rows, 2)."""
        scores = self.model.score(np.asarray(x, dtype=np.float64))
        return np.column_stack([1 - scores, scores])


def gradient(learner: Learner, taught: People, test: People, aim: Aim, rounds: int) -> Floats:
    """The chance of each test row to be flagged by the mixture of models that was found."""
    # Flagging from a score of t is right where a wrong flag costs t and a miss 1 - t.
    at = float(np.clip(aim.threshold, 0.01, 0.99))
    search = ExponentiatedGradient(
        learner,
        _BOUNDS[aim.rate](difference_bound=aim.bound),
        objective=ErrorRate(costs={"fp": at, "fn": 1 - at}),
        max_iter=rounds,
    )
    with warnings.catch_warnings():
        # fairlearn 0.15 sets values of a pandas Series in a way that pandas 4 will refuse.
        warnings.simplefilter("ignore", DeprecationWarning)
        search.fit(taught.x, taught.y, sensitive_features=taught.group)
    weights = np.asarray(search.weights_, dtype=np.float64)
    said = [one.predict(test.x) for one in search.predictors_]
    made: Floats = np.clip(weights @ np.array(said, dtype=np.float64), 0, 1)
    return made


def own_thresholds(
    base: Model, held: People, test: People, rate: Rate, rng: np.random.Generator
) -> Bools:
    """Who of the test rows is flagged, with a threshold for each group set on the held rows."""
    chooser = ThresholdOptimizer(
        estimator=_Fitted(base),
        constraints=_PARITY[rate],
        objective="balanced_accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    chooser.fit(held.x, held.y, sensitive_features=held.group)
    said = chooser.predict(
        test.x, sensitive_features=test.group, random_state=int(rng.integers(2**31))
    )
    return np.asarray(said).astype(bool)
