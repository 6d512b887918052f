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

from strongroom.assess.attacks.constraints import Column, Space, enforceable, space_of
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature, Schema
from strongroom.governance.relations import parse_relation
from strongroom.payments.files import write_text, write_whole

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

CARELESS: Final[Mapping[str, Any]] = {
    "n_estimators": 40,
    "num_leaves": 255,
    "min_child_samples": 1,
    "learning_rate": 0.2,
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
    x: Floats, y: Labels, schema: Schema, *, seed: int, hardening: Hardening
) -> lightgbm.Booster:
    """Regularised, hardened and the same at each repetition. Columns of `x`: the features."""
    _require_both_classes(y)
    x, y, weight = harden(x, y, schema, hardening, np.random.default_rng(seed))
    settings = {
        **MENDED,
        "objective": "binary",
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    names = [re.sub(r"\W", "_", feature.name) for feature in schema.features]
    rows = lightgbm.Dataset(x, label=y, weight=weight, feature_name=names, params={"verbosity": -1})
    return lightgbm.train(settings, rows, num_boost_round=MENDED_ROUNDS)


def harden(
    x: Floats, y: Labels, schema: Schema, hardening: Hardening, rng: np.random.Generator
) -> tuple[Floats, Labels, Floats]:
    """The rows, labels and weights, with copies of each fraud as the attacker could have made it.

    Copies keep to the ranges, steps, directions and relations that the schema declares. A fraud and
    its copies weigh together what the fraud weighed alone, so that the model's probabilities keep
    their meaning.
    """
    space = _space(x, schema, hardening)
    frauds = x[y == 1]
    made = [x, *(_disguised(frauds, space, hardening.reach, rng) for _ in range(hardening.copies))]
    labels = np.concatenate([y, np.ones(len(frauds) * hardening.copies, dtype=y.dtype)])
    weight = np.where(labels == 1, 1 / (1 + hardening.copies), 1.0)
    return np.concatenate(made), labels, weight


def _disguised(frauds: Floats, space: Space, reach: float, rng: np.random.Generator) -> Floats:
    """The frauds with other feasible values in what the attacker sets, where there are any."""
    made = frauds.copy()
    for column in space.columns:
        own = frauds[:, column.index]
        value = column.project(_wishes(column, own, reach, rng)[:, None], own[:, None])[:, 0]
        made[:, column.index] = np.where(np.isnan(value), own, value)
    feasible = space.settle(frauds, made)
    return np.where(feasible[:, None], made, frauds)


def _space(x: Floats, schema: Schema, hardening: Hardening) -> Space:
    """What the attacker can set, and how far: the same rules that the evasion check attacks by."""
    names = [feature.name for feature in schema.features]
    return space_of(
        schema.features,
        hardening.attacker,
        levels=_levels(x, schema.features),
        reach=dict.fromkeys(names, hardening.reach),
        ties=enforceable([parse_relation(text) for text in schema.relations], names),
    )


def write_pickle(model: lightgbm.LGBMClassifier, path: Path) -> None:
    """As a joblib file, which is a pickle: whoever loads it runs what is in it."""
    write_whole(path, lambda beside: joblib.dump(model, beside))


def write_booster(model: lightgbm.Booster, path: Path) -> None:
    """As LightGBM's text, which is data and nothing else."""
    write_text(model.model_to_string(), path)


def _levels(x: Floats, features: Sequence[Feature]) -> dict[str, Floats]:
    """The values of each category that occur, as the model reads them."""
    made = {}
    for index, feature in enumerate(features):
        if feature.type == "category":
            made[feature.name] = np.unique(x[np.isfinite(x[:, index]), index])
    return made


def _wishes(column: Column, own: Floats, reach: float, rng: np.random.Generator) -> Floats:
    """What an attacker might try in one column, feasible or not; (n,)."""
    if column.levels is not None:
        return rng.choice(column.levels, len(own)) if column.levels.size else own
    wished: Floats = own + rng.uniform(-reach, reach, len(own)) * np.abs(own)
    return wished


def _require_both_classes(y: Labels) -> None:
    found = np.unique(y)
    if not np.array_equal(found, [0, 1]):
        raise InputError(
            f"training labels are {found.tolist()[:5]}", fix="give rows of both classes, 0 and 1"
        )
