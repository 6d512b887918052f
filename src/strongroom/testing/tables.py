"""A system made of two given tables: trains a LightGBM model and writes a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import polars as pl

from strongroom.testing.systems import Workshop


def make_system(
    folder: Path,
    tables: Mapping[str, pl.DataFrame],
    schema: Mapping[str, Any],
    *,
    rounds: int = 200,
    params: Mapping[str, Any] | None = None,
) -> Workshop:
    """Put `train` and `test`, a model of `rounds` trees and a manifest with `schema` in a folder.

    Features must be numbers already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "test"):
        tables[name].write_parquet(folder / f"{name}.parquet")
    x = tables["train"].select(f["name"] for f in schema["features"]).to_numpy().astype(float)
    data = lightgbm.Dataset(x, label=tables["train"][schema["target"]].to_numpy())
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 7}
    booster = lightgbm.train({**fixed, **(params or {})}, data, num_boost_round=rounds)
    booster.save_model(folder / "model.txt")
    workshop = Workshop(folder)
    workshop.write(
        {
            "version": 1,
            "system": {
                "name": "real-data",
                "owner": "Model validation",
                "purpose": "Shows what the checks say about public data.",
                "kind": "ml_model",
                "criticality": "low",
                "jurisdictions": ["EU"],
                "entity_type": "bank",
            },
            "model": {"path": "model.txt", "trained_by": "alice"},
            "data": {
                **{
                    name: {"path": f"{name}.parquet", "classification": "public"}
                    for name in ("train", "test")
                },
                "schema": dict(schema),
            },
        }
    )
    return workshop
