"""Data sets in batches of rows, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from strongroom.domain.errors import InputError, LimitError

BATCH: Final = 50_000
"""Rows at a time."""
MAX_COLUMNS: Final = 2_000
MAX_ROWS: Final = 20_000_000
"""Rows that are read; eight bytes of each are kept, to find duplicates."""
TYPES_FROM: Final = 10_000
"""Rows of a text file from which types are told; a value that does not fit is an error."""
LINES: Final = (".jsonl", ".ndjson")
TABS: Final = (".tsv", ".tab")


class Dataset:
    """One file, opened."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when it is no table."""
        self.path = path
        self.form, self._lazy = _open(path)
        try:
            self.schema = self._lazy.collect_schema()
        except (PolarsError, OSError) as error:
            raise _refused(self.form, path) from error
        if len(self.schema) > MAX_COLUMNS:
            raise LimitError(f"{len(self.schema)} columns, {MAX_COLUMNS} allowed", where=path.name)

    def batches(self) -> Iterator[pl.DataFrame]:
        """All rows, in order. Raises InputError, LimitError."""
        rows = 0
        try:
            for batch in self._lazy.collect_batches(chunk_size=BATCH, maintain_order=True):
                rows += batch.height
                if rows > MAX_ROWS:
                    raise LimitError(f"more than {MAX_ROWS} rows", where=self.path.name)
                yield batch
        except (PolarsError, OSError) as error:
            raise _refused(self.form, self.path) from error

    def head(self, rows: int) -> pl.DataFrame:
        """The first rows. Raises InputError."""
        try:
            return self._lazy.head(rows).collect()
        except (PolarsError, OSError) as error:
            raise _refused(self.form, self.path) from error


def _open(path: Path) -> tuple[str, pl.LazyFrame]:
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path.name) from error
    if parquet:
        return "parquet", pl.scan_parquet(path)
    if path.suffix.lower() in LINES:
        return "jsonl", pl.scan_ndjson(path, infer_schema_length=TYPES_FROM)
    separator = "\t" if path.suffix.lower() in TABS else ","
    return "csv", pl.scan_csv(path, separator=separator, infer_schema_length=TYPES_FROM)


def _refused(form: str, path: Path) -> InputError:
    # The reader's own words quote cells, which are for nobody's eyes.
    text = f"not a sound {form} table"
    return InputError(text, where=path.name, fix="write it as Parquet")
