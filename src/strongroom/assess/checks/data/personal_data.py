"""No card numbers, bank accounts, addresses or national ids stand in training and test data.

**What it looks at**: every column of `data.train` and `data.test` that holds text or whole numbers,
whether or not the manifest declares it.

**What it finds**: card numbers (issuer ranges, lengths, Luhn), IBANs (country length, MOD 97),
e-mail addresses, phone numbers, and national ids: Malaysian NRIC, Qatari QID, Nigerian NIN and BVN,
Swiss AHV (EAN-13 digit), US social security numbers. Also inside longer texts.

**False alarms**: one random number in ten passes Luhn. A column of bare digits is believed only if
more of it passes than chance explains; where a number has no check digit (phone, NIN, BVN, SSN),
it must be written as people write it, or stand in a column or after a word that names it.

**What it reports**: `cells_found`, how many cells hold some; for each column and kind one finding
with counts. No value is ever printed.

**Fails** when anything is found. There is no setting that overlooks some of it: that is what a
waiver is for.

**What to do**: drop the column, or put a keyed hash or token in its place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from strongroom.assess.case import Case
from strongroom.assess.check import NoSettings, Said, check
from strongroom.assess.personal_data import KINDS, found
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME = "data.personal_data"
TABLES = ("data.train", "data.test")
REFERENCES = ("PCI DSS 4.0.1 6.5.5", "GDPR Art.5(1)(c)")


@check(
    NAME,
    version=1,
    title="No personal data in training and test data",
    needs=TABLES,
)
def personal_data(case: Case, settings: NoSettings) -> Iterator[Said]:  # noqa: ARG001
    """Look at every distinct value of every column that could hold some."""
    cells = looked_at = 0
    columns = [(table, name) for table in TABLES for name in case.frame(table).columns]
    for done, (table, name) in enumerate(columns):
        column = case.frame(table)[name]
        looked_at += len(column)
        for finding, count in _column(table, column):
            cells += count
            yield finding
        case.progress(done + 1, len(columns))
    yield Metric.exact("cells_found", cells, looked_at, "cells")
    if not cells:
        yield Finding(
            f"{NAME}.none",
            Outcome.PASS,
            f"none found in {len(columns)} columns and {looked_at} cells",
            Severity.INFO,
        )


def _column(table: str, column: pl.Series) -> Iterator[tuple[Finding, int]]:
    """A finding for each kind that the column holds, and in how many cells."""
    texts = as_texts(column)
    if texts is None or not len(texts):
        return
    counted = texts.value_counts(name="cells")
    values, cells = counted[texts.name], counted["cells"].to_numpy()
    for kind in KINDS:
        hit = found(values, column.name, kind)
        if not hit.any():
            continue
        count, distinct = int(cells[hit].sum()), int(np.count_nonzero(hit))
        finding = Finding(
            f"{NAME}.{kind.name}",
            Outcome.FAIL,
            f"{table}: column {column.name} holds {distinct} different {kind.title} "
            f"in {count} cells",
            Severity.CRITICAL,
            where=f"{table}: {column.name}",
            fix="drop the column, or put a keyed hash in its place",
            facts={"cells": count, "distinct": distinct},
            references=REFERENCES,
        )
        yield finding, count


def as_texts(column: pl.Series) -> pl.Series | None:
    """The column's values as texts, without nulls; None for what cannot hold such data.

    Whole numbers in a floating column count too: a column of integers with gaps often becomes one.
    """
    kept = column.drop_nulls()
    if kept.dtype in {pl.String, pl.Categorical, pl.Enum}:
        return kept.cast(pl.String)
    if kept.dtype.is_float():
        whole = kept.filter(kept == kept.floor())
        if len(whole) * 2 < len(kept):
            return None
        kept = whole
    if not kept.dtype.is_numeric():
        return None
    numbers = kept.cast(pl.Int64, strict=False).drop_nulls()
    return numbers.filter(numbers >= LEAST).cast(pl.String)


LEAST = 10**7
"""Smaller whole numbers are none of what is looked for."""
