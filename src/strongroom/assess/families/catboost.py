"""CatBoost's binary format (.cbm): data, parsed by CatBoost."""

from __future__ import annotations

from typing import Any

import numpy as np

from strongroom.assess.models import Floats, Scorer
from strongroom.domain.errors import InputError, MissingExtra

try:
    import catboost
except ModuleNotFoundError as error:
    raise MissingExtra("catboost", "opening a CatBoost model") from error


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:
    """Open a saved classifier of two classes whose features are all numbers."""
    model = catboost.CatBoost()
    try:
        model.load_model(blob=data)
    except (catboost.CatBoostError, ValueError, TypeError) as error:
        raise InputError(f"not a CatBoost model: {str(error)[:200]}", where=where) from error
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        raise InputError(
            "a CatBoost model that reads categories or texts itself",
            where=where,
            fix="train it on numbers, or export it to ONNX",
        )
    names = model.feature_names_ or []

    def predict(rows: Floats) -> Any:
        try:
            scores = model.predict(rows, prediction_type="Probability", thread_count=threads)
        except catboost.CatBoostError as error:
            what = str(error)[:200]
            raise InputError(f"the model cannot score these rows: {what}") from error
        scores = np.asarray(scores)
        return scores[:, 1] if scores.ndim == 2 and scores.shape[1] == 2 else scores

    return Scorer("catboost", len(names) or n_features, predict, model)
