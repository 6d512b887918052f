"""Card precision@k: of the k cards that analysts can look at each day, how many are compromised.

Source: Le Borgne, Siblini, Lebichot and Bontempi, Reproducible Machine Learning for Credit Card
Fraud Detection (2022), chapter 4.
"""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl
from numpy.typing import NDArray

from strongroom.assess.measures.intervals import wilson
from strongroom.domain.evidence import Metric

DAY: Final = 86_400
"""Seconds."""
# Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond them, the normal's.
_T95: Final = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)


def days_of(times: pl.Series) -> pl.Series | None:
    """The day of each row: of a date or date-time, or of a number of seconds; else None."""
    if times.dtype.is_temporal() and times.dtype not in {pl.Duration, pl.Time}:
        return times.cast(pl.Date)
    if times.dtype.is_numeric():
        return (times / DAY).floor().cast(pl.Int64, strict=False)
    return None


def daily_precision(
    cards: pl.Series, days: pl.Series, labels: NDArray[Any], scores: NDArray[Any], k: int
) -> pl.Series:
    """Precision@k of each day that has at least k cards, in order of time.

    A card's score is its highest of the day; a card found compromised leaves the later days, since
    it would be blocked. Ties go to the card that sorts first.
    """
    table = (
        pl.DataFrame({"card": cards, "day": days, "label": labels, "score": scores})
        .group_by("day", "card")
        .agg(pl.col("score").max(), pl.col("label").max())
        .sort("day", "score", "card", descending=[False, True, False])
    )
    blocked: list[Any] = []
    shares: list[float] = []
    for day in table.partition_by("day", maintain_order=True):
        left = day.filter(~pl.col("card").is_in(blocked)) if blocked else day
        if left.height < k:
            continue
        top = left.head(k).filter(pl.col("label") == 1)
        shares.append(top.height / k)
        blocked += top["card"].to_list()
    return pl.Series("precision", shares, dtype=pl.Float64)


def card_precision(daily: pl.Series, k: int) -> Metric:
    """The mean over the days, with Student's interval over days, never narrower than Wilson's.

    With one day there is nothing to say about other days: the interval is all that is possible.
    """
    value, count = float(daily.sum()) / len(daily), len(daily)
    name = f"card_precision@{k}"
    if count == 1:
        return Metric(name, value, 0.0, 1.0, 1, "", 0.95, "one day")
    t = _T95[count - 2] if count - 2 < len(_T95) else 1.96 + 2.5 / (count - 1)
    half = t * math.sqrt(daily.var() / count)  # type: ignore[operator,arg-type]
    least, most = wilson(value * k * count, k * count)
    low, high = max(0.0, min(least, value - half)), min(1.0, max(most, value + half))
    return Metric(name, value, low, high, count, "", 0.95, f"Student over {count} days")
