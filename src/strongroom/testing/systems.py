"""A small real system on disk: data, a LightGBM model and a manifest, made anew for each test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import yaml

from strongroom.governance.loader import Loaded, load_manifest

FEATURES = ("amount", "hour", "count_1d", "risk")


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder with a system in it."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest as plain values."""
        raw: dict[str, Any] = yaml.safe_load(self._path.read_text("utf-8"))
        return raw

    @property
    def _path(self) -> Path:
        return self.folder / "strongroom.yaml"

    def write(self, manifest: Mapping[str, Any]) -> None:
        """Put another manifest in its place."""
        self._path.write_text(yaml.safe_dump(dict(manifest), sort_keys=False), "utf-8")

    def load(self) -> Loaded:
        """The manifest, checked."""
        return load_manifest(self._path)

    def frame(self, name: str) -> pl.DataFrame:
        """`train` or `test`."""
        return pl.read_parquet(self.folder / f"{name}.parquet")

    def put(self, name: str, frame: pl.DataFrame) -> None:
        """Replace `train` or `test`."""
        frame.write_parquet(self.folder / f"{name}.parquet")


def payments(rows: int, seed: int, *, start: int = 0) -> pl.DataFrame:
    """Payments by 50 cards with about 10 % fraud that depends on amount, hour and risk."""
    rng = np.random.default_rng(seed)
    amount = np.round(rng.gamma(2.0, 40.0, rows), 2)
    hour = rng.integers(0, 24, rows)
    risk = rng.random(rows)
    logit = 0.02 * amount + 1.5 * (hour < 6) + 3.0 * risk - 6.2
    fraud = rng.random(rows) < 1 / (1 + np.exp(-logit))
    return pl.DataFrame(
        {
            "time": start + np.arange(rows) * 60,
            "card": rng.integers(0, 50, rows),
            "amount": amount,
            "hour": hour,
            "count_1d": rng.poisson(3.0, rows),
            "risk": risk,
            "sex": rng.integers(0, 2, rows),
            "fraud": fraud.astype(np.int8),
        }
    )


def make_workshop(folder: Path, *, rows: int = 1500) -> Workshop:
    """Train a small model on `rows` payments, test on as many that come later."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = payments(rows, 1), payments(rows, 2, start=60 * rows)
    train.write_parquet(folder / "train.parquet")
    test.write_parquet(folder / "test.parquet")
    data = lightgbm.Dataset(train.select(FEATURES).to_numpy(), label=train["fraud"].to_numpy())
    params = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "seed": 7}
    lightgbm.train(params, data, num_boost_round=30).save_model(folder / "model.txt")
    workshop = Workshop(folder)
    workshop.write(_MANIFEST)
    return workshop


_MANIFEST: Mapping[str, Any] = {
    "version": 1,
    "system": {
        "name": "card-fraud",
        "owner": "Fraud analytics",
        "purpose": "Flags card payments that are likely to be fraud.",
        "kind": "ml_model",
        "criticality": "high",
        "jurisdictions": ["MY"],
        "entity_type": "bank",
    },
    "model": {"path": "model.txt", "trained_by": "alice"},
    "data": {
        "train": {"path": "train.parquet", "classification": "internal"},
        "test": {"path": "test.parquet", "classification": "internal"},
        "schema": {
            "target": "fraud",
            "time": "time",
            "entity": "card",
            "sensitive": ["sex"],
            "features": [
                {"name": "amount", "min": 0, "max": 10000, "step": 0.01, "mutable_by": ["payer"]},
                {"name": "hour", "type": "int", "min": 0, "max": 23, "mutable_by": ["payer"]},
                {"name": "count_1d", "type": "int", "min": 0},
                {"name": "risk", "min": 0, "max": 1},
            ],
        },
    },
}
