"""Opens a model file that may be hostile and gives back one thing: scores.

Nothing that the file brings is run. Formats are told by content, never by the name's ending:

1. the scanner reads the file first, and what it blocks is not opened;
2. LightGBM text, XGBoost JSON and UBJSON, CatBoost cbm and ONNX are data: their own libraries
   parse them;
3. PyTorch nets are safetensors with the net's description in the metadata: numbers and a short list
   of known layers;
4. scikit-learn models in skops, joblib or pickle go through a loader that admits only classes and
   functions that are listed one by one;
5. the description of an endpoint sends rows only where the caller allows it.

Parsers in C++ may still crash on a crafted file: checks run in a child process for that reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.nets.slopes import Slope
from strongroom.assess.scanner import FileReport, Rating, scan_bytes
from strongroom.assess.sniff import ModelFormat, format_of, model_file, sniff
from strongroom.domain.errors import InputError, LimitError

MAX_BYTES: Final = 4 * 2**30
"""Of a model file."""
CHUNK: Final = 200_000
"""Rows scored at a time, which bounds the memory that libraries need for copies."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """A model as a function from rows to the probability of class 1."""

    family: str
    """`lightgbm`, `xgboost`, `catboost`, `onnx`, `sklearn`, `torch` or `endpoint`."""
    n_features: int
    predict: Callable[[Floats], Any] = field(repr=False)
    """(rows, features) to probabilities, as the library gives them."""
    native: Any = field(repr=False, default=None)
    """The library's own object: a Booster, an estimator, a session, a net."""
    slope: Slope | None = field(repr=False, default=None)
    """Which way the score moves, for models that have gradients."""

    def score(self, rows: NDArray[Any]) -> Floats:
        """Probabilities of class 1, (n,), for rows (n, features).

        Raises InputError where the model gives something else than probabilities.
        """
        x = np.ascontiguousarray(rows, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise InputError(f"rows of shape {x.shape}, the model reads (n, {self.n_features})")
        if not len(x):
            return np.empty(0)
        parts = [self._part(x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
        scores = np.concatenate(parts)
        if not np.isfinite(scores).all() or scores.min() < 0.0 or scores.max() > 1.0:
            raise InputError(
                "the model's output is not a probability",
                fix="export it with a binary objective, so that it gives the probability of 1",
            )
        return scores

    def _part(self, x: Floats) -> Floats:
        try:
            scores = np.asarray(self.predict(x), dtype=np.float64)
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            raise InputError(f"the model cannot score these rows: {error}") from error
        if scores.shape != (len(x),):
            raise InputError(f"{scores.shape} scores for {len(x)} rows: not a binary classifier")
        return scores


def family_module(path: Path) -> str:
    """The module that opens this model. Raises InputError where none does."""
    return _FAMILIES + _MODULES[format_of(model_file(path))]


def open_scorer(
    path: Path, *, n_features: int, threads: int = 1, endpoint: str | None = None
) -> Scorer:
    """Open a model file or folder safely. Raises InputError, LimitError.

    `endpoint`: the one URL that rows may be sent to, for a file that describes an endpoint.
    """
    file = model_file(path)
    data = _read(file)
    # What is scanned is what is opened: the file is not read a second time.
    format_ = sniff(data, file.name)
    _refuse_hazards(scan_bytes(data, file.name), format_, file.name)
    family = import_module(_FAMILIES + _MODULES[format_])
    if format_ is ModelFormat.ENDPOINT:
        asked: Scorer = family.open_endpoint(
            data, where=file.name, n_features=n_features, allowed=endpoint
        )
        return asked
    scorer: Scorer = family.open_model(
        data, where=file.name, n_features=n_features, threads=threads
    )
    if scorer.n_features != n_features:
        raise InputError(
            f"the model reads {scorer.n_features} features, the manifest declares {n_features}",
            where=file.name,
            fix="declare the features in the order in which the model reads them",
        )
    return scorer


def _read(file: Path) -> bytes:
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            raise LimitError(f"{size} bytes of model, {MAX_BYTES} allowed", where=file.name)
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=file.name) from error


def _refuse_hazards(report: FileReport, format_: ModelFormat, where: str) -> None:
    """Refuse what the scanner blocks; and of formats that name code, all that it is not sure of."""
    names_code = format_ in {ModelFormat.PICKLE, ModelFormat.SKOPS}
    if report.verdict is Rating.BLOCK or (names_code and report.verdict is not Rating.CLEAN):
        worst = max(report.findings, key=lambda hazard: hazard.rating.rank)
        raise InputError(
            f"not opened, the scanner says {report.verdict}: {worst.message}",
            where=where,
            fix="run `strongroom scan`; export the model to ONNX, LightGBM text or XGBoost JSON",
        )


_MODULES: Final = {
    ModelFormat.ONNX: "onnx",
    ModelFormat.LIGHTGBM: "lightgbm",
    ModelFormat.CATBOOST: "catboost",
    ModelFormat.ENDPOINT: "endpoint",
    ModelFormat.XGBOOST: "xgboost",
    ModelFormat.NET: "torch",
    ModelFormat.SKOPS: "skops",
    ModelFormat.PICKLE: "pickled",
}
_FAMILIES: Final = "strongroom.assess.families."
