"""The lineage digest: what a data set says, whatever file it lies in.

SHA-256 over the column names in order of name, then each row in order, each cell by its length and
its text. A number is its shortest decimal (1.0 is 1), a time is ISO 8601, empty text is no value.
Row groups, compression, order of columns and Parquet against CSV make no difference; the order of
rows does. Types are no part of it: a CSV file has none.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import polars as pl

from strongroom.domain.digests import Digest

VERSION = b"strongroom-lineage-v1\n"


class Lineage:
    """Takes batches in order."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = sorted(columns)
        self._hash: Any = sha256(VERSION)
        for name in self._columns:
            data = name.encode()
            self._hash.update(b"%d:%s" % (len(data), data))
        self._hash.update(b"\n")

    def add(self, batch: pl.DataFrame) -> None:
        """The next rows."""
        cells = [cell_text(batch[name]).alias(str(n)) for n, name in enumerate(self._columns)]
        if not cells:
            return
        parts = [
            pl.concat_str(
                pl.col(str(n)).str.len_bytes().cast(pl.String), pl.lit(":"), pl.col(str(n))
            ).fill_null("-")
            for n in range(len(cells))
        ]
        rows = pl.DataFrame(cells).select(pl.concat_str(*parts, pl.lit("\n")).alias("row"))["row"]
        self._hash.update("".join(rows.to_list()).encode())

    def digest(self) -> Digest:
        """Of all rows so far."""
        return Digest("sha256", self._hash.hexdigest())


def cell_text(column: pl.Series) -> pl.Series:
    """The canonical text of each cell; null where there is none."""
    kind = column.dtype
    if kind.is_float():
        texts = column.cast(pl.Float64).cast(pl.String).str.replace(r"\.0$", "")
        return texts.set(column.is_nan().fill_null(value=False), None)
    if isinstance(kind, pl.Datetime):
        texts = column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f").str.replace(r"\.0+$", "")
    elif kind == pl.Binary:
        texts = column.bin.encode("hex")
    elif kind.is_nested():
        texts = pl.Series(column.name, [None if v is None else repr(v) for v in column.to_list()],
                          dtype=pl.String)  # fmt: skip
    else:
        texts = column.cast(pl.String)
    return texts.set((texts == "").fill_null(value=False), None)
