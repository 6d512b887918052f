"""The one place that unpickles: every name must be listed in `pickle_symbols.toml`.

Opcodes of a pickle can only act through what they name, so the list is the whole authority that a
file has. Reads the layouts of pickle and of joblib, compressed or not.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tomllib
import zlib
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, BinaryIO, Final

from joblib.numpy_pickle import NumpyUnpickler

from strongroom.domain.errors import InputError, LimitError

MAX_BYTES: Final = 2 * 2**30
"""Of a pickle once it is decompressed."""
_MOVED: Final = {"_loss": "sklearn._loss._loss"}
"""Cython classes pickle under their bare module name; never let an import path decide."""


@cache
def admitted() -> frozenset[tuple[str, str]]:
    """The (module, name) pairs that a model file may name."""
    text = resources.files("strongroom.assess").joinpath("pickle_symbols.toml").read_text("utf-8")
    packages = tomllib.loads(text)
    return frozenset(
        (module, name)
        for modules in packages.values()
        for module, names in modules.items()
        for name in names
    )


class Restricted(NumpyUnpickler):  # type: ignore[misc]  # joblib has no types
    """Joblib's unpickler, which also reads plain pickles, with every name looked up in the list."""

    dispatch = NumpyUnpickler.dispatch.copy()

    def find_class(self, module: str, name: str) -> Any:
        """The class or function, if it is listed."""
        if (module, name) not in admitted():
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


def restricted_load(path: Path) -> Any:
    """The object in a pickle or joblib file. Raises InputError, LimitError."""
    try:
        with path.open("rb") as raw:
            plain = _decompressed(raw)
            return Restricted("", plain, ensure_native_byte_order=False).load()
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever a listed class makes of hostile arguments
        raise InputError(
            f"not a sound pickle: {type(error).__name__}: {str(error)[:200]}", where=path.name
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
