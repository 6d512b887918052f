"""The one place that unpickles: every name must be on the scanner's list of reviewed symbols.

Opcodes of a pickle can only act through what they name, so the list is the whole authority that a
file has. Some listed symbols are harmless only with certain arguments, which the scanner sees to:
hand in nothing but bytes that it has just called clean. Reads the layouts of pickle and of joblib,
compressed or not.
"""

from __future__ import annotations

import _compat_pickle
import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any, BinaryIO, Final

from joblib.numpy_pickle import NumpyUnpickler

from strongroom.assess.scanner import allowed_symbols
from strongroom.domain.errors import InputError, LimitError

MAX_BYTES: Final = 2 * 2**30
"""Of a pickle once it is decompressed."""
_MOVED: Final = {"_loss": "sklearn._loss._loss"}
"""Cython classes pickle under their bare module name; never let an import path decide."""


class Restricted(NumpyUnpickler):  # type: ignore[misc]  # joblib has no types
    """Joblib's unpickler, which also reads plain pickles, with every name looked up in the list."""

    dispatch = NumpyUnpickler.dispatch.copy()

    def find_class(self, module: str, name: str) -> Any:
        """The class or function, if it is listed."""
        if self.proto < 3:
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if (module, name) not in allowed_symbols():
            raise InputError(
                f"the file names {module}.{name}, which no model needs",
                fix="export the model to ONNX, LightGBM text, XGBoost JSON or skops",
            )
        return super().find_class(_MOVED.get(module, module), name)

    def load_build(self) -> None:
        """Refuse to change a class or function: only instances have a state."""
        if isinstance(self.stack[-2], type | FunctionType | BuiltinFunctionType):
            raise InputError("the file changes a class instead of an object")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def restricted_load(data: bytes, *, where: str) -> Any:
    """The object in a pickle or joblib file. Raises InputError, LimitError."""
    try:
        plain = _decompressed(io.BytesIO(data))
        return Restricted("", plain, ensure_native_byte_order=False).load()
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever a listed class makes of hostile arguments
        raise InputError(
            f"not a sound pickle: {type(error).__name__}: {str(error)[:200]}", where=where
        ) from error


def _decompressed(raw: BinaryIO) -> BinaryIO:
    head = raw.read(8)
    raw.seek(0)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return _bounded(opener(raw))
    return raw


def _bounded(stream: BinaryIO) -> BinaryIO:
    """The whole stream in memory, unless it is a bomb."""
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise LimitError(
            f"decompresses to more than {MAX_BYTES} bytes", fix="store it uncompressed"
        )
    return io.BytesIO(data)


def _zlib(raw: BinaryIO) -> BinaryIO:
    return io.BytesIO(zlib.decompressobj().decompress(raw.read(), MAX_BYTES + 1))


_OPENERS: Final[dict[bytes, Callable[[Any], Any]]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"x": _zlib,
}
