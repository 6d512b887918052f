"""What a model may know of a payment at the moment it is made, and two columns it may not.

The kinds of features of the Fraud Detection Handbook, chapter 3 (see `simulator.py`): amount,
weekend, night; number and mean amount of the customer's payments, and number and fraud share of
the terminal's payments, over 1, 7 and 30 days. Leak-free by construction: each figure is a sum
over an interval of time that ends before the payment: for whatever rests on fraud labels,
`LABEL_DELAY` before it, because that is how long it takes until a fraud is known.

Unlike the handbook's, the customer's windows leave the payment itself out, so that whoever
chooses the amount of this payment does not choose the history it is compared with.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from strongroom.domain.errors import InputError

WINDOWS: Final = (1, 7, 30)
"""Days."""
LABEL_DELAY: Final = timedelta(days=7)
HISTORY: Final = timedelta(days=max(WINDOWS)) + LABEL_DELAY
"""Before this much time has passed, windows are not yet full."""

FEATURES: Final = (
    "amount",
    "weekend",
    "night",
    *(f"customer_count_{days}d" for days in WINDOWS),
    *(f"customer_mean_{days}d" for days in WINDOWS),
    *(f"terminal_count_{days}d" for days in WINDOWS),
    *(f"terminal_risk_{days}d" for days in WINDOWS),
)
LEAKS: Final = ("terminal_risk_now", "chargeback_days")
NO_CHARGEBACK: Final = -1.0

_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_NEEDED: Final = ("time", "customer_id", "terminal_id", "amount", "fraud")

Ints = npt.NDArray[np.int64]


def with_features(payments: pl.DataFrame) -> pl.DataFrame:
    """The payments with the columns of `FEATURES` added; the rows keep their order.

    Counts are numbers of payments in [t - w, t) for customers and [t - 7 d - w, t - 7 d) for
    terminals; means are in currency; shares are 0 to 1; both are 0 where the count is 0. Weekend
    and night (0 h to 6 h) are in UTC. Raises InputError for missing columns or values.
    """
    _require(payments)
    time = _microseconds(payments)
    cents = (payments["amount"].to_numpy() * 100).round().astype(np.int64)
    fraud = payments["fraud"].to_numpy().astype(np.int64)
    customer = _History(payments["customer_id"], time)
    terminal = _History(payments["terminal_id"], time)
    delay = int(LABEL_DELAY.total_seconds()) * _SECOND

    made: dict[str, npt.NDArray[np.float64]] = {}
    for days in WINDOWS:
        made[f"customer_count_{days}d"], spent = customer.sums(cents, days * _DAY, 0)
        made[f"customer_mean_{days}d"] = _share(spent, made[f"customer_count_{days}d"] * 100)
        made[f"terminal_count_{days}d"], frauds = terminal.sums(fraud, days * _DAY, delay)
        made[f"terminal_risk_{days}d"] = _share(frauds, made[f"terminal_count_{days}d"])
    at = pl.col("time")
    return payments.with_columns(
        (at.dt.weekday() >= 6).cast(pl.Float64).alias("weekend"),
        (at.dt.hour() < 6).cast(pl.Float64).alias("night"),
        *(pl.Series(name, made[name]) for name in FEATURES if name in made),
    )


def with_leaks(payments: pl.DataFrame, *, seed: int, reported: float = 0.5) -> pl.DataFrame:
    """The payments with the columns of `LEAKS`: mistakes to be found, never to be used.

    `terminal_risk_now`: fraud share at the terminal in the 7 days up to and with this payment,
    with labels that nobody has yet. `chargeback_days`: how many days later the customer disputed
    the payment, for a share `reported` of the frauds; -1 for all else.
    """
    _require(payments)
    fraud = payments["fraud"].to_numpy().astype(np.int64)
    terminal = _History(payments["terminal_id"], _microseconds(payments))
    count, frauds = terminal.sums(fraud, 7 * _DAY, -_SECOND)
    rng = np.random.default_rng(seed)
    disputed = (fraud == 1) & (rng.random(len(fraud)) < reported)
    days = rng.integers(1, 46, len(fraud)).astype(np.float64)
    return payments.with_columns(
        pl.Series("terminal_risk_now", _share(frauds, count)),
        pl.Series("chargeback_days", np.where(disputed, days, NO_CHARGEBACK)),
    )


class _History:
    """Sums over the past of each row's group, by binary search in one sorted array."""

    def __init__(self, group: pl.Series, time: Ints) -> None:
        codes = group.rank("dense").to_numpy().astype(np.int64)
        since = time - (time.min() if len(time) else 0)
        span = int(since.max(initial=0)) + 1
        if int(codes.max(initial=0)) >= np.iinfo(np.int64).max // (4 * span):
            raise InputError("too many groups over too long a time", fix="split the table by time")
        base = codes * (2 * span)  # leaves room for an interval that begins before all rows
        self._order = np.argsort(base + since, kind="stable")
        self._base, self._since, self._span = base[self._order], since[self._order], span
        self._key = self._base + self._since

    def sums(
        self, values: Ints, window: int, delay: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Count and sum of `values` of the group's rows in [t - delay - window, t - delay), in µs.

        Exact: values are whole numbers, and so is time.
        """
        running = np.concatenate(([0], np.cumsum(values[self._order])))
        stop, start = self._position(delay), self._position(delay + window)
        count, total = np.empty(len(stop)), np.empty(len(stop))
        count[self._order] = stop - start
        total[self._order] = running[stop] - running[start]
        return count, total

    def _position(self, ago: int) -> Ints:
        """For each row, where its group's rows of `ago` µs before it and later begin."""
        bounded = np.clip(self._since - ago, 1 - self._span, self._span)
        found: Ints = np.searchsorted(self._key, self._base + bounded, side="left")
        return found


def _share(
    part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _microseconds(payments: pl.DataFrame) -> Ints:
    return payments["time"].dt.epoch("us").to_numpy().astype(np.int64)


def _require(payments: pl.DataFrame) -> None:
    missing = [name for name in _NEEDED if name not in payments.columns]
    if missing:
        raise InputError(f"no column {', '.join(missing)}", where="payments")
    if not isinstance(payments.schema["time"], pl.Datetime):
        raise InputError(f"time is {payments.schema['time']}", where="payments", fix="give times")
    empty = [name for name in _NEEDED if payments[name].null_count()]
    if empty:
        raise InputError(f"missing values in {', '.join(empty)}", where="payments")
