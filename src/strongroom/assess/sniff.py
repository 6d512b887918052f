"""What a model file is, by what is in it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.formats import safetensors
from strongroom.domain.errors import InputError

_HEAD: Final = 4096
_COMPRESSED: Final = (
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
)
"""Heads of zlib, gzip, bzip2 and xz, in which joblib wraps its pickles."""
_FORMATS: Final = (
    "ONNX, LightGBM text, XGBoost JSON or UBJSON, CatBoost cbm, described safetensors, skops, "
    "joblib or pickle"
)


class ModelFormat(StrEnum):
    """Formats that can be opened for scoring."""

    ONNX = "onnx"
    LIGHTGBM = "lightgbm"
    CATBOOST = "catboost"
    ENDPOINT = "endpoint"
    """A description of where to send rows: see `families/endpoint.py`."""
    XGBOOST = "xgboost"
    NET = "net"
    """A PyTorch net as safetensors, described in its metadata: see `nets/`."""
    SKOPS = "skops"
    PICKLE = "pickle"
    """Pickle or joblib, compressed or not."""


def model_file(path: Path) -> Path:
    """The one model file of an artifact: itself, or the only file of a folder that is a model."""
    if path.is_file():
        return path
    models = [p for p in sorted(path.rglob("*")) if p.is_file() and _known(_head(p)) is not None]
    if len(models) != 1:
        raise InputError(
            f"{len(models)} model files in the folder, one wanted",
            where=path.name,
            fix="name the file in the manifest",
        )
    return models[0]


def format_of(path: Path) -> ModelFormat:
    """The format of a model file. Raises InputError when it is none that we open."""
    return sniff(_head(path), path.name)


def sniff(data: bytes, where: str) -> ModelFormat:
    """The format by how the content begins. Raises InputError when it is none that we open."""
    found = _known(data[:_HEAD])
    if found is None:
        raise InputError("not a model that can be opened", where=where, fix=f"save as {_FORMATS}")
    return found


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path.name) from error


def _known(head: bytes) -> ModelFormat | None:
    if safetensors.plausible(head):
        # First: its length may begin like a pickle or a protobuf.
        return ModelFormat.NET
    if head.startswith((b"tree\n", b"tree\r\n")):
        return ModelFormat.LIGHTGBM
    if head.startswith(b"CBM1"):
        return ModelFormat.CATBOOST
    if head.lstrip().startswith(b"{") and b'"strongroom_endpoint"' in head:
        return ModelFormat.ENDPOINT
    if head.startswith(b"{") and (b"learner" in head or b"version" in head):
        return ModelFormat.XGBOOST
    if head.startswith(b"PK\x03\x04"):
        return ModelFormat.SKOPS
    if (head[:1] == b"\x80" and head[1:2] <= b"\x05") or head.startswith(_COMPRESSED):
        return ModelFormat.PICKLE
    return ModelFormat.ONNX if _looks_like_onnx(head) else None


def _looks_like_onnx(head: bytes) -> bool:
    """A protobuf ModelProto: field 1 (ir_version, a varint below 128) first, then a known field."""
    return len(head) > 4 and head[0] == 0x08 and 0 < head[1] < 0x40 and head[2] in _ONNX_FIELDS


_ONNX_FIELDS: Final = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72})
"""Tags of ModelProto's fields 2 to 8 and 14 (onnx/onnx.proto)."""
