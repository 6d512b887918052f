"""Systems on disk: each data set with each of three models, and a manifest with the settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import skops.io
import yaml
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench._paper.tables import SEED, Source

Fit = Callable[[NDArray[np.float64], NDArray[np.int8], Path], None]
ENOUGH: Final = 3600.0
"""Seconds: no run of the paper may end because the machine was busy."""


def boosting(x: NDArray[np.float64], y: NDArray[np.int8], path: Path) -> None:
    """LightGBM, 100 trees of 31 leaves."""
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": SEED}
    lightgbm.train(params, lightgbm.Dataset(x, y), 100).save_model(path)


def logistic(x: NDArray[np.float64], y: NDArray[np.int8], path: Path) -> None:
    """Logistic regression on scaled columns."""
    made = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    skops.io.dump(made.fit(x, y), path)


def forest(x: NDArray[np.float64], y: NDArray[np.int8], path: Path) -> None:
    """Random forest, 50 trees grown to the end."""
    skops.io.dump(RandomForestClassifier(50, random_state=SEED).fit(x, y), path)


MODELS: Final[Mapping[str, tuple[str, str, Fit]]] = {
    "lightgbm": ("LightGBM", "model.txt", boosting),
    "logistic": ("logistic regression", "model.skops", logistic),
    "forest": ("random forest", "model.skops", forest),
}
"""Title, file and maker."""


def prepare(folder: Path, source: Source, model: str) -> Path:
    """Train and write unless it is there; the manifest, written last, says that it is whole."""
    manifest = folder / "strongroom.yaml"
    if manifest.exists():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("train", source.train), ("test", source.test)):
        table.write_parquet(folder / f"{name}.parquet")
    columns = [feature["name"] for feature in source.schema["features"]]
    _, file, fit = MODELS[model]
    x = source.train.select(columns).to_numpy().astype(np.float64)
    fit(x, source.train[source.schema["target"]].to_numpy().astype(np.int8), folder / file)
    # By way of JSON: manifests know no anchors, which YAML would make of what occurs twice.
    plain = json.loads(json.dumps(_manifest(source, model, file)))
    text = yaml.safe_dump(plain, sort_keys=False)
    manifest.write_text(text, "utf-8")
    return manifest


def _manifest(source: Source, model: str, file: str) -> dict[str, Any]:
    data = {"classification": "public", "licence": source.licence, "source": source.origin}
    return {
        "version": 1,
        "system": {
            "name": f"{source.key}-{model}",
            "owner": "Model validation",
            "purpose": f"{MODELS[model][0]} on {source.title}, for the white paper",
            "kind": "ml_model",
            "criticality": "critical",
            "jurisdictions": ["EU"],
            "entity_type": "bank",
        },
        "model": {"path": file, "trained_by": "alice"},
        "data": {
            "train": {"path": "train.parquet", **data},
            "test": {"path": "test.parquet", **data},
            "schema": dict(source.schema),
        },
        "settings": settings(source.target_fpr, model),
    }


def settings(fpr: float, model: str) -> dict[str, dict[str, Any]]:
    """Of every check of the paper."""
    flags = {"target_fpr": fpr, "seconds": ENOUGH}
    shadows = 8 if model == "forest" else 16
    return {
        "robustness.evasion_budget": {**flags, "max_rows": 200},
        "robustness.evasion_attacks": {**flags, "max_rows": 100},
        "robustness.extraction": {
            **flags,
            "budgets": [500, 2_000, 10_000],
            "inputs": ["in_distribution", "marginal"],
            "max_eval_rows": 4_000,
        },
        "privacy.membership": {"shadows": shadows, "shadow_rows": 10_000, "seconds": ENOUGH},
        "robustness.poisoning_swallowed": {**flags, "triggers": 3, "max_rows": 10_000},
    }
