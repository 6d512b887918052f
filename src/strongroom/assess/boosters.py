"""Opens LightGBM, XGBoost and ONNX models: formats that hold data, parsed by their own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from strongroom.assess.models import Floats, Scorer
from strongroom.domain.errors import InputError


def open_lightgbm(path: Path, *, n_features: int, threads: int) -> Scorer:  # noqa: ARG001  # Opener
    """Open LightGBM's text format."""
    import lightgbm

    text = path.read_bytes()
    if b"end of trees" not in text:
        raise InputError("a truncated LightGBM model", where=path.name, fix="save it again")
    try:
        booster = lightgbm.Booster(model_str=text.decode("utf-8"))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"not a LightGBM model: {error}", where=path.name) from error
    return wrap_lightgbm(booster, threads)


def wrap_lightgbm(booster: Any, threads: int) -> Scorer:
    """The scorer of a LightGBM Booster."""
    if booster.num_model_per_iteration() != 1:
        raise InputError("a LightGBM model of more than one class output")

    def predict(rows: Floats) -> Any:
        return booster.predict(rows, num_threads=threads)

    return Scorer("lightgbm", int(booster.num_feature()), predict, booster)


def open_xgboost(path: Path, *, n_features: int, threads: int) -> Scorer:  # noqa: ARG001  # Opener
    """Open XGBoost's JSON or UBJSON format."""
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise InputError(
            f"not an XGBoost model: {str(error).splitlines()[0][:200]}", where=path.name
        ) from error
    return wrap_xgboost(booster, threads)


def wrap_xgboost(booster: Any, threads: int) -> Scorer:
    """The scorer of an XGBoost Booster; a missing value is NaN."""
    booster.set_param({"nthread": threads})
    booster.feature_names = None

    def predict(rows: Floats) -> Any:
        return booster.inplace_predict(rows.astype(np.float32), missing=np.nan)

    return Scorer("xgboost", int(booster.num_features()), predict, booster)


def from_object(found: Any, n_features: int, threads: int) -> Scorer:
    """The scorer of a Booster or of its scikit-learn wrapper, as a restricted loader gave it."""
    import lightgbm
    import xgboost

    name = type(found).__name__
    if isinstance(found, lightgbm.Booster):
        return wrap_lightgbm(found, threads)
    if isinstance(found, xgboost.Booster):
        return wrap_xgboost(found, threads)
    try:
        if isinstance(found, lightgbm.LGBMClassifier):
            return wrap_lightgbm(found.booster_, threads)
        if isinstance(found, xgboost.XGBClassifier):
            return wrap_xgboost(found.get_booster(), threads)
    except (AttributeError, ValueError, TypeError) as error:
        raise InputError(f"{name} is not fitted: {error}") from error
    raise InputError(f"{name} is not a classifier of {n_features} features")


def open_onnx(path: Path, *, n_features: int, threads: int) -> Scorer:
    """Open an ONNX model from its bytes, so that it cannot name files beside it."""
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import (
        Fail,
        InvalidArgument,
        InvalidGraph,
        InvalidProtobuf,
        NotImplemented as NotDone,
        RuntimeException,
    )

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    broken = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotDone, RuntimeException)
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except broken as error:
        raise InputError(f"not an ONNX model: {str(error)[:200]}", where=path.name) from error
    given, wanted = _onnx_ends(session, path.name)
    dtype = np.float64 if given.type == "tensor(double)" else np.float32
    width = given.shape[1] if isinstance(given.shape[1], int) else n_features

    def predict(rows: Floats) -> Any:
        try:
            (out,) = session.run([wanted], {given.name: rows.astype(dtype)})
        except broken as error:
            raise InputError(f"the model cannot score these rows: {str(error)[:200]}") from error
        return _positive(out)

    return Scorer("onnx", width, predict, session)


def _onnx_ends(session: Any, where: str) -> tuple[Any, str]:
    """The one input, and the name of the output that holds probabilities."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    floats = {"tensor(float)", "tensor(double)"}
    if len(inputs) != 1 or inputs[0].type not in floats or len(inputs[0].shape) != 2:
        raise InputError(
            "the model wants something else than one (rows, features) array of floats",
            where=where,
            fix="export it with a single float tensor as its input",
        )
    probable = [o.name for o in outputs if o.type in floats or o.type.startswith("seq(map(")]
    if not probable:
        raise InputError("the model has no output of probabilities", where=where)
    return inputs[0], probable[-1]


def _positive(out: Any) -> Any:
    """The probability of class 1 of what a session gave: (n, 2), (n, 1), (n,) or a list of maps."""
    if isinstance(out, list):
        return np.array([one[1] for one in out], dtype=np.float64)
    out = np.asarray(out)
    return out[:, -1] if out.ndim == 2 and out.shape[1] in {1, 2} else out
