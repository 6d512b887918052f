"""Labels that the rest of the data contradicts: confident learning, by cleanlab.

Each row is scored by a model that has not seen it (5 folds of boosted trees); cleanlab says
which given labels those scores make implausible. Source: Northcutt, Jiang, Chuang, "Confident
Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from strongroom.domain.errors import InputError

ROWS: Final = 50_000
"""Rows that are judged: the first."""
FOLDS: Final = 5
MOST_CLASSES: Final = 50
CATEGORIES: Final = 255
"""Values of a text column that are told apart; it is passed over if it has more."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What cleanlab says of the labels."""

    rows: int
    classes: int
    suspect: tuple[int, ...]
    """Places of rows, from 0, the least plausible first."""

    @property
    def share(self) -> float:
        """Of rows that are suspect, 0 to 1."""
        return len(self.suspect) / self.rows


def judge_labels(table: pl.DataFrame, label: str, *, seed: int = 0) -> Labels:
    """Which labels are implausible. Raises InputError when that cannot be told."""
    if label not in table.columns:
        raise InputError(f"no column {label[:80]!r}", where="--label")
    if table[label].null_count():
        table = table.filter(pl.col(label).is_not_null())
    values = table[label].cast(pl.String)
    names = values.unique().sort()
    if not 2 <= len(names) <= MOST_CLASSES:
        raise InputError(
            f"{len(names)} classes, 2 to {MOST_CLASSES} can be judged", where="--label"
        )
    places = {name: place for place, name in enumerate(names.to_list())}
    y = values.replace_strict(places, return_dtype=pl.Int64).to_numpy()
    if (fewest := int(np.bincount(y).min())) < FOLDS:
        raise InputError(f"a class of {fewest} rows, {FOLDS} are needed", where="--label")
    x = _matrix(table.drop(label))
    model = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=15, early_stopping=False, random_state=seed
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # trees spin while they wait for each other on a busy machine
        chances: Any = cross_val_predict(model, x, y, cv=folds, method="predict_proba")
    issues = find_label_issues(y, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    return Labels(len(y), len(names), tuple(int(i) for i in issues))


def _matrix(table: pl.DataFrame) -> NDArray[np.float64]:
    columns = []
    for name in table.columns:
        column = table[name]
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            columns.append(column.cast(pl.Float64))
        elif column.dtype.is_temporal():
            columns.append(column.to_physical().cast(pl.Float64))
        elif column.dtype == pl.String and column.n_unique() <= CATEGORIES:
            columns.append(column.rank("dense").cast(pl.Float64))
    if not columns:
        raise InputError("no column that the labels could be held against", where="--label")
    return np.column_stack([c.fill_null(np.nan).to_numpy() for c in columns]).astype(np.float64)
