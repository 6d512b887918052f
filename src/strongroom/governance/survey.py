"""What lies in a folder: model files, tables, a requirements file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InputError, LimitError

MODELS: Final = (".onnx", ".txt", ".json", ".ubj", ".skops", ".joblib", ".pkl", ".pickle")
"""File names that may be models, the safest format first."""
TABLES: Final = (".parquet", ".csv")
MAX_FILES: Final = 20_000
MAX_DEPTH: Final = 4
MAX_HEADER: Final = 64 * 1024 * 1024
"""Bytes of a model file that are read for the names of its features."""
_SKIP: Final = frozenset({"node_modules", "site-packages", "__pycache__", "venv"})


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a folder that a manifest could name, relative to it."""

    models: tuple[str, ...]
    """Safest format first."""
    tables: tuple[str, ...]
    requirements: tuple[str, ...]


def look(folder: Path, *, limit: int = MAX_FILES) -> Found:
    """Walk a folder of at most `limit` files, without following links.

    Raises InputError, LimitError.
    """
    if not folder.is_dir():
        raise InputError("not a folder", where=str(folder))
    names = sorted(_files(folder, limit))
    models = [name for name in names if name.lower().endswith(MODELS) and _is_model(folder / name)]
    return Found(
        tuple(sorted(models, key=_safety)),
        tuple(name for name in names if name.lower().endswith(TABLES)),
        tuple(name for name in names if _is_requirements(Path(name))),
    )


def feature_names(model: Path) -> tuple[str, ...]:
    """The features that a LightGBM or XGBoost text file says it reads, in order, or nothing."""
    try:
        with model.open("rb") as file:
            head = file.read(MAX_HEADER)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(model)) from error
    if head.startswith(b"tree\n"):
        return _lightgbm_names(head)
    if head.startswith(b"{"):
        return _xgboost_names(head)
    return ()


def _files(folder: Path, limit: int) -> Iterator[str]:
    seen = 0
    for here, folders, names in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        folders[:] = [f for f in folders if depth < MAX_DEPTH and not _skipped(f)]
        for name in names:
            seen += 1
            if seen > limit:
                raise LimitError(
                    f"more than {limit} files", where=str(folder), fix="name a smaller folder"
                )
            path = Path(here) / name
            if path.is_file() and not path.is_symlink() and not _skipped(name):
                yield path.relative_to(folder).as_posix()


def _skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIP


def _is_model(path: Path) -> bool:
    """Text and JSON are models only if they begin like one."""
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".json"):
        return True
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"tree\n") if suffix == ".txt" else b'"learner"' in head


def _is_requirements(path: Path) -> bool:
    return path.suffix in (".txt", ".lock") and path.name.startswith("requirements")


def _safety(name: str) -> tuple[int, str]:
    return MODELS.index(Path(name).suffix.lower()), name


def _lightgbm_names(head: bytes) -> tuple[str, ...]:
    for line in head.splitlines():
        if line.startswith(b"feature_names="):
            return tuple(line.removeprefix(b"feature_names=").decode("utf-8", "replace").split(" "))
    return ()


def _xgboost_names(head: bytes) -> tuple[str, ...]:
    try:
        names = json.loads(head)["learner"]["feature_names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    listed = names if isinstance(names, list) else []
    return tuple(name for name in listed if isinstance(name, str))
