"""Opens scikit-learn classifiers, and boosters in scikit-learn's clothes, from skops and pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import skops.io
from sklearn.utils.validation import check_is_fitted

from strongroom.assess import boosters
from strongroom.assess.models import Floats, Scorer
from strongroom.assess.unpickle import admitted, restricted_load
from strongroom.domain.errors import InputError, LimitError

MAX_UNZIPPED: Final = 2 * 2**30
"""Bytes of a skops file once it is unzipped."""


def open_pickle(path: Path, *, n_features: int, threads: int) -> Scorer:
    """Open a pickle or joblib file through the restricted unpickler."""
    return _scorer(restricted_load(path), path, n_features, threads)


def open_skops(path: Path, *, n_features: int, threads: int) -> Scorer:
    """Open a skops file that names nothing but what we list."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if "schema.json" not in archive.namelist():
                raise InputError("a zip without skops' schema.json", where=path.name)
        if size > MAX_UNZIPPED:
            raise LimitError(f"unzips to {size} bytes, {MAX_UNZIPPED} allowed", where=path.name)
        foreign = set(skops.io.get_untrusted_types(file=path)) - _listed()
        if foreign:
            raise InputError(
                f"the file names {', '.join(sorted(foreign)[:5])}, which no model needs",
                where=path.name,
            )
        found = skops.io.load(path, trusted=sorted(_listed()))
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # skops raises whatever the file provokes
        raise InputError(
            f"not a sound skops file: {type(error).__name__}: {str(error)[:200]}", where=path.name
        ) from error
    return _scorer(found, path, n_features, threads)


def wrap(estimator: Any, n_features: int) -> Scorer:
    """The scorer of a fitted scikit-learn classifier whose classes are 0 and 1."""
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

    return Scorer(
        "sklearn", int(getattr(estimator, "n_features_in_", n_features)), predict, estimator
    )


def _scorer(found: Any, path: Path, n_features: int, threads: int) -> Scorer:
    kind = type(found).__module__.partition(".")[0]
    if kind in {"lightgbm", "xgboost"}:
        return boosters.from_object(found, n_features, threads)
    try:
        check_is_fitted(found)
    except (TypeError, ValueError) as error:
        raise InputError(f"not a fitted classifier: {error}", where=path.name) from error
    if hasattr(found, "n_jobs"):
        found.n_jobs = threads
    # Column names of the training frame would make scikit-learn warn about every plain array.
    vars(found).pop("feature_names_in_", None)
    return wrap(found, n_features)


def _listed() -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, name in admitted())
