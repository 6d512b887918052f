"""Features know the past and nothing else, which a slow and plain calculation confirms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from strongroom.domain.errors import InputError
from strongroom.payments.features import FEATURES, LABEL_DELAY, LEAKS, with_features, with_leaks
from strongroom.payments.simulator import SimulatorSettings, simulate

START = datetime(2025, 1, 6, tzinfo=UTC)


def table(rows: list[tuple[float, int, int, float, int]]) -> pl.DataFrame:
    """Rows of (hours since the start, customer, terminal, amount, fraud)."""
    return pl.DataFrame(
        {
            "time": [START + timedelta(hours=row[0]) for row in rows],
            "customer_id": [row[1] for row in rows],
            "terminal_id": [row[2] for row in rows],
            "amount": [row[3] for row in rows],
            "fraud": [row[4] for row in rows],
        },
        schema_overrides={
            "time": pl.Datetime("us", "UTC"),
            "customer_id": pl.Int64,
            "terminal_id": pl.Int64,
            "amount": pl.Float64,
            "fraud": pl.Int8,
        },
    )


def slowly(payments: pl.DataFrame) -> list[dict[str, float]]:
    """The definition, row by row over every other row."""
    rows = payments.to_dicts()
    made = []
    for row in rows:
        known: dict[str, float] = {}
        for days in (1, 7, 30):
            window = timedelta(days=days)
            mine = [
                r["amount"]
                for r in rows
                if r["customer_id"] == row["customer_id"]
                and row["time"] - window <= r["time"] < row["time"]
            ]
            until = row["time"] - timedelta(days=7)
            there = [
                r["fraud"]
                for r in rows
                if r["terminal_id"] == row["terminal_id"] and until - window <= r["time"] < until
            ]
            known[f"customer_count_{days}d"] = len(mine)
            known[f"customer_mean_{days}d"] = sum(mine) / len(mine) if mine else 0
            known[f"terminal_count_{days}d"] = len(there)
            known[f"terminal_risk_{days}d"] = sum(there) / len(there) if there else 0
        known["amount"] = row["amount"]
        known["weekend"] = float(row["time"].weekday() >= 5)
        known["night"] = float(row["time"].hour < 6)
        made.append(known)
    return made


PAYMENT = st.tuples(
    # Whole days apart now and then, so that the ends of windows are hit exactly.
    st.one_of(st.integers(0, 45).map(lambda d: d * 24.0), st.floats(0, 45 * 24)),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 100_000).map(lambda cents: cents / 100),
    st.integers(0, 1),
)


@given(st.lists(PAYMENT, max_size=40))
@settings(max_examples=150, deadline=None)
def test_features_are_what_the_definition_says(
    rows: list[tuple[float, int, int, float, int]],
) -> None:
    payments = table(rows)
    made = with_features(payments)
    assert made.select(payments.columns).equals(payments)
    for fast, slow in zip(made.select(FEATURES).to_dicts(), slowly(payments), strict=True):
        assert fast == pytest.approx(slow, rel=1e-12)


@pytest.fixture(scope="module")
def payments() -> pl.DataFrame:
    return simulate(SimulatorSettings(customers=100, terminals=50, days=60, seed=1))


def test_the_order_of_rows_does_not_matter(payments: pl.DataFrame) -> None:
    shuffled = payments.sample(fraction=1, shuffle=True, seed=3)
    assert_frame_equal(with_features(shuffled).sort("tx_id"), with_features(payments))


@pytest.mark.parametrize("day", [10, 30, 45])
def test_nothing_that_is_not_yet_known_changes_a_feature(payments: pl.DataFrame, day: int) -> None:
    """Change all that lies ahead and the labels of the last seven days: the past stays."""
    now = START + timedelta(days=day)
    then, labels = pl.col("time") > now, pl.col("time") > now - LABEL_DELAY
    other = payments.with_columns(
        amount=pl.when(then).then(pl.col("amount") + 1000).otherwise(pl.col("amount")),
        fraud=pl.when(labels).then(1 - pl.col("fraud")).otherwise(pl.col("fraud")),
    )
    past = pl.col("time") <= now
    expected = with_features(payments).filter(past).select(FEATURES)
    assert_frame_equal(with_features(other).filter(past).select(FEATURES), expected)


def test_the_leaky_columns_fail_that_very_test(payments: pl.DataFrame) -> None:
    """Labels that nobody knows yet do change them: the test above can tell the difference."""
    now = START + timedelta(days=30)
    recent = pl.col("time") > now - LABEL_DELAY
    other = payments.with_columns(
        fraud=pl.when(recent).then(1 - pl.col("fraud")).otherwise(pl.col("fraud"))
    )
    past = pl.col("time") <= now
    for leak in LEAKS:
        honest = with_leaks(payments, seed=1).filter(past)[leak]
        assert not honest.equals(with_leaks(other, seed=1).filter(past)[leak])


def test_the_customers_own_amount_now_is_not_in_the_history(payments: pl.DataFrame) -> None:
    """Whoever raises the last payment of each customer moves `amount` and nothing else."""
    last = pl.col("time") == pl.col("time").max().over("customer_id")
    raised = payments.with_columns(
        amount=pl.when(last).then(pl.col("amount") * 7).otherwise(pl.col("amount"))
    )
    others = [name for name in FEATURES if name != "amount"]
    before, after = with_features(payments), with_features(raised)
    assert_frame_equal(before.select(others), after.select(others))


def test_a_leak_tells_fraud_from_what_is_not(payments: pl.DataFrame) -> None:
    leaky = with_leaks(payments, seed=1, reported=0.5)
    disputed = leaky.filter(pl.col("chargeback_days") >= 0)
    assert disputed["fraud"].min() == 1
    assert len(disputed) / payments["fraud"].sum() == pytest.approx(0.5, abs=0.1)
    assert leaky.filter(pl.col("fraud") == 1)["terminal_risk_now"].min() > 0


def test_no_rows_give_no_rows() -> None:
    empty = table([])
    assert with_features(empty).columns == [
        *empty.columns,
        *(name for name in FEATURES if name != "amount"),
    ]
    assert with_leaks(empty, seed=0).is_empty()


@pytest.mark.parametrize("column", ["time", "customer_id", "terminal_id", "amount", "fraud"])
def test_a_column_that_is_missing_or_has_gaps_is_refused(
    payments: pl.DataFrame, column: str
) -> None:
    with pytest.raises(InputError, match=column):
        with_features(payments.drop(column))
    gap = payments.with_columns(pl.col(column).shift(1))
    with pytest.raises(InputError, match=column):
        with_features(gap)


def test_times_that_are_no_times_are_refused(payments: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="time is"):
        with_features(payments.with_columns(time=pl.col("tx_id")))


def test_more_groups_and_time_than_fit_in_64_bits_are_refused() -> None:
    rows = 400
    far = pl.DataFrame(
        {
            "time": np.linspace(0, 9e18, rows).astype(np.int64) // 1000 * 1000 // 1000,
            "customer_id": range(rows),
            "terminal_id": range(rows),
            "amount": [1.0] * rows,
            "fraud": [0] * rows,
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    with pytest.raises(InputError, match="too many groups"):
        with_features(far)
