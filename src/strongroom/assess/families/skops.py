"""Skops files: a zip of JSON and arrays, whose types must all be listed."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from typing import Any, Final

import skops.io

from strongroom.assess.families.sklearn import adopt
from strongroom.assess.models import Scorer
from strongroom.assess.scanner.symbols import book
from strongroom.domain.errors import InputError, LimitError

MAX_UNZIPPED: Final = 2 * 2**30
"""Bytes."""


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:
    """Open a file that names nothing but what was reviewed, or what skops itself trusts."""
    try:
        _look(data, where)
        found = _load(data, where)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # skops raises whatever the file provokes
        raise InputError(
            f"not a sound skops file: {type(error).__name__}: {str(error)[:200]}", where=where
        ) from error
    return adopt(found, n_features=n_features, threads=threads, where=where)


def _look(data: bytes, where: str) -> None:
    """The archive's table of contents, before anything is unzipped."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if "schema.json" not in archive.namelist():
            raise InputError("a zip without skops' schema.json", where=where)
    if size > MAX_UNZIPPED:
        raise LimitError(f"unzips to {size} bytes, {MAX_UNZIPPED} allowed", where=where)


def _load(data: bytes, where: str) -> Any:
    if foreign := set(skops.io.get_untrusted_types(data=data)) - _reviewed():
        raise InputError(
            f"the file names {', '.join(sorted(foreign)[:5])}, which no model needs", where=where
        )
    return skops.io.loads(data, trusted=sorted(_reviewed()))


@cache
def _reviewed() -> frozenset[str]:
    """Types that are harmless whatever their arguments are."""
    return frozenset(
        f"{module}.{name}"
        for (module, name), allowed in book().allowed.items()
        if allowed.guard is None
    )
