"""ONNX: a graph of known operators, parsed and run by ONNX Runtime."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from strongroom.assess.models import Floats, Scorer
from strongroom.domain.errors import InputError

_BROKEN: Final = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
)
_FLOATS: Final = frozenset({"tensor(float)", "tensor(double)"})


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:
    """Open a model from its bytes, so that it cannot name files beside it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _BROKEN as error:
        raise InputError(f"not an ONNX model: {str(error)[:200]}", where=where) from error
    given, wanted = _ends(session, where)
    dtype = np.float64 if given.type == "tensor(double)" else np.float32
    width = given.shape[1] if isinstance(given.shape[1], int) else n_features

    def predict(rows: Floats) -> Any:
        try:
            (out,) = session.run([wanted], {given.name: rows.astype(dtype)})
        except _BROKEN as error:
            raise InputError(f"the model cannot score these rows: {str(error)[:200]}") from error
        return _positive(out)

    return Scorer("onnx", width, predict, session)


def _ends(session: Any, where: str) -> tuple[Any, str]:
    """The one input, and the name of the output that holds probabilities."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type not in _FLOATS or len(inputs[0].shape) != 2:
        raise InputError(
            "the model wants something else than one (rows, features) array of floats",
            where=where,
            fix="export it with a single float tensor as its input",
        )
    probable = [o.name for o in outputs if o.type in _FLOATS or o.type.startswith("seq(map(")]
    if not probable:
        raise InputError("the model has no output of probabilities", where=where)
    return inputs[0], probable[-1]


def _positive(out: Any) -> Any:
    """The probability of class 1: of (n, 2), (n, 1), (n,) or a list of maps by class."""
    if isinstance(out, list):
        return np.array([one[1] for one in out], dtype=np.float64)
    out = np.asarray(out)
    return out[:, -1] if out.ndim == 2 and out.shape[1] in {1, 2} else out
