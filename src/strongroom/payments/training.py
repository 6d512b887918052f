"""Two ways to train a fraud model with LightGBM: careless, and mended.

Careless fits what it is given as closely as it can and pickles the result. Mended regularises, and
hardens: it learns from each known fraud also what the fraud would have looked like had the payer
chosen other feasible values, so that a small change of what a payer sets does not change the score
much (adversarial augmentation; Kantchelian, Tygar, Joseph: "Evasion and Hardening of Tree Ensemble
Classifiers", ICML 2016, hardens boosted trees by such training too).

One thread: the same rows, settings and seed give the same model, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import joblib
import lightgbm
import numpy as np
import numpy.typing as npt

from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature
from strongroom.payments.files import write_file

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

CARELESS: Final[Mapping[str, Any]] = {
    "n_estimators": 200,
    "num_leaves": 127,
    "min_child_samples": 1,
    "learning_rate": 0.1,
}
MENDED: Final[Mapping[str, Any]] = {
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "learning_rate": 0.05,
    "lambda_l2": 10.0,
}
MENDED_ROUNDS: Final = 120


@dataclass(frozen=True, slots=True)
class Hardening:
    """How a model is taught what an attacker could have done."""

    attacker: Literal["payer", "merchant", "mule", "insider"] = "payer"
    copies: int = 2
    """Of each fraud, with other feasible values in what the attacker sets."""
    reach: float = 0.5
    """Largest relative change of a number: whoever gives up more has little left to steal."""


def fit_careless(x: Floats, y: Labels, *, seed: int) -> lightgbm.LGBMClassifier:
    """As close to the training rows (n, features) and labels (n,) as trees get."""
    _require_both_classes(y)
    model = lightgbm.LGBMClassifier(**CARELESS, random_state=seed, n_jobs=1, verbosity=-1)
    model.fit(x, y)
    return model


def fit_mended(
    x: Floats, y: Labels, features: Sequence[Feature], *, seed: int, hardening: Hardening
) -> lightgbm.Booster:
    """Regularised, hardened and the same at each repetition. Columns of `x` are `features`."""
    _require_both_classes(y)
    x, y, weight = harden(x, y, features, hardening, np.random.default_rng(seed))
    settings = {
        **MENDED,
        "objective": "binary",
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    names = [re.sub(r"\W", "_", feature.name) for feature in features]
    rows = lightgbm.Dataset(x, label=y, weight=weight, feature_name=names, params={"verbosity": -1})
    return lightgbm.train(settings, rows, num_boost_round=MENDED_ROUNDS)


def harden(
    x: Floats,
    y: Labels,
    features: Sequence[Feature],
    hardening: Hardening,
    rng: np.random.Generator,
) -> tuple[Floats, Labels, Floats]:
    """The rows, labels and weights, with copies of each fraud as the attacker could have made it.

    A fraud and its copies weigh together what the fraud weighed alone, so that the model's
    probabilities keep their meaning.
    """
    positive = x[y == 1]
    made = [x]
    for _ in range(hardening.copies):
        copy = positive.copy()
        for index, feature in enumerate(features):
            if hardening.attacker in feature.mutable_by:
                copy[:, index] = _moved(copy[:, index], feature, hardening.reach, rng)
        made.append(copy)
    labels = np.concatenate([y, np.ones(len(positive) * hardening.copies, dtype=y.dtype)])
    weight = np.where(labels == 1, 1 / (1 + hardening.copies), 1.0)
    return np.concatenate(made), labels, weight


def write_pickle(model: lightgbm.LGBMClassifier, path: Path) -> None:
    """As a joblib file, which is a pickle: whoever loads it runs what is in it."""
    write_file(path, lambda beside: joblib.dump(model, beside))


def write_booster(model: lightgbm.Booster, path: Path) -> None:
    """As LightGBM's text, which is data and nothing else."""
    text = model.model_to_string()
    write_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _moved(own: Floats, feature: Feature, reach: float, rng: np.random.Generator) -> Floats:
    """Random values that the feature can take, within reach of the row's own."""
    if feature.type in ("bool", "category"):
        levels = 2 if feature.type == "bool" else len(feature.categories or ())
        # Numbers stand for themselves, texts for their place among the categories.
        named = [c for c in feature.categories or () if isinstance(c, int)]
        values = np.array(named or range(levels), dtype=np.float64)
        moved = rng.choice(values, len(own)) if len(values) else own.copy()
    else:
        moved = own + rng.uniform(-reach, reach, len(own)) * np.abs(own)
        step = feature.step or (1.0 if feature.type == "int" else 0.0)
        moved = np.round(moved / step) * step if step else moved
        moved = np.clip(
            moved,
            -np.inf if feature.min is None else feature.min,
            np.inf if feature.max is None else feature.max,
        )
    if feature.direction == "up":
        moved = np.maximum(moved, own)
    if feature.direction == "down":
        moved = np.minimum(moved, own)
    return moved


def _require_both_classes(y: Labels) -> None:
    found = np.unique(y)
    if not np.array_equal(found, [0, 1]):
        raise InputError(
            f"training labels are {found.tolist()[:5]}", fix="give rows of both classes, 0 and 1"
        )
