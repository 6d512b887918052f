"""safetensors: a length, a JSON header, raw little-endian numbers. Nothing in it can be run.

https://huggingface.co/docs/safetensors, "Format". Read here rather than by the library, whose
reader of bytes in memory does not give the metadata, in which a net's description stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError

MAX_HEADER: Final = 4 * 2**20
_TYPES: Final = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
_METADATA: Final = "__metadata__"
_ALIGN: Final = 8


@dataclass(frozen=True, slots=True)
class Weights:
    """A file's tensors and what it says about itself."""

    tensors: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, str]


def read_weights(data: bytes, where: str) -> Weights:
    """Read a file. Raises InputError unless its header accounts for every byte of it."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(MAX_HEADER, len(data) - 8):
        raise InputError(f"a safetensors header of {length} bytes", where=where)
    header = parse_json(data[8 : 8 + length], where=where, limit=MAX_HEADER)
    if not isinstance(header, dict):
        raise InputError("a safetensors header that is no object", where=where)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise InputError("safetensors metadata that is no map of texts", where=where)
    body, at = memoryview(data)[8 + length :], 0
    tensors = {}
    for name, said in sorted(header.items(), key=_start):
        tensors[name], at = _tensor(name, said, body, at, where)
    if at != len(body):
        raise InputError(f"{len(body) - at} bytes that no tensor names", where=where)
    return Weights(tensors, {str(k): str(v) for k, v in metadata.items()})


def _start(item: tuple[str, Any]) -> tuple[int, int]:
    match item[1]:
        case {"data_offsets": [int() as start, int() as stop]}:
            return start, stop
        case _:
            return -1, -1


def _tensor(
    name: str, said: Any, body: memoryview, at: int, where: str
) -> tuple[NDArray[Any], int]:
    """The tensor that begins at `at`, and where it ends."""
    match said:
        case {
            "dtype": str() as kind,
            "shape": list() as shape,
            "data_offsets": [int() as start, int() as stop],
        } if kind in _TYPES and all(type(n) is int and n >= 0 for n in shape):
            size = math.prod(shape) * np.dtype(_TYPES[kind]).itemsize
            if start == at and stop - start == size and stop <= len(body):
                made = np.frombuffer(body[start:stop], dtype=_TYPES[kind]).reshape(shape)
                return made.astype(made.dtype.newbyteorder("=")), stop
    raise InputError(
        f"the tensor {name[:80]!r} has no sound place, shape or type",
        where=where,
        fix=f"save tensors of {', '.join(_TYPES)} with safetensors, one after the other",
    )


def write_weights(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file; the same tensors give the same bytes. Raises InputError for a type."""
    names = {np.dtype(code): kind for kind, code in _TYPES.items()}
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    at, parts = 0, []
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        kind = names.get(tensor.dtype.newbyteorder("<"))
        if kind is None:
            raise InputError(f"the tensor {name} is of {tensor.dtype}")
        parts.append(tensor.astype(_TYPES[kind]).tobytes())
        span = [at, at + len(parts[-1])]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": span}
        at = span[1]
    text = canonical(header)
    text += b" " * (-len(text) % _ALIGN)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)
