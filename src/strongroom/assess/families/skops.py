"""Skops files: a zip of JSON and arrays, whose types must all be listed."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import skops.io

from strongroom.assess.families.sklearn import adopt
from strongroom.assess.models import Scorer
from strongroom.assess.unpickle import admitted
from strongroom.domain.errors import InputError, LimitError

MAX_UNZIPPED: Final = 2 * 2**30
"""Bytes."""


def open_model(path: Path, *, n_features: int, threads: int) -> Scorer:
    """Open a file that names nothing but what is listed, or what skops itself trusts."""
    try:
        _look(path)
        found = _load(path)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # skops raises whatever the file provokes
        raise InputError(
            f"not a sound skops file: {type(error).__name__}: {str(error)[:200]}", where=path.name
        ) from error
    return adopt(found, n_features=n_features, threads=threads, where=path.name)


def _look(path: Path) -> None:
    """The archive's table of contents, before anything is unzipped."""
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if "schema.json" not in archive.namelist():
            raise InputError("a zip without skops' schema.json", where=path.name)
    if size > MAX_UNZIPPED:
        raise LimitError(f"unzips to {size} bytes, {MAX_UNZIPPED} allowed", where=path.name)


def _load(path: Path) -> Any:
    listed = {f"{module}.{name}" for module, name in admitted()}
    if foreign := set(skops.io.get_untrusted_types(file=path)) - listed:
        raise InputError(
            f"the file names {', '.join(sorted(foreign)[:5])}, which no model needs",
            where=path.name,
        )
    return skops.io.load(path, trusted=sorted(listed))
