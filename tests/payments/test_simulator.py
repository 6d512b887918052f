"""The simulator follows the published description, and the same settings give the same payments."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from strongroom.domain.errors import InputError
from strongroom.payments.simulator import SimulatorSettings, simulate

SMALL = SimulatorSettings(customers=300, terminals=500, days=40, seed=5)


@pytest.fixture(scope="module")
def payments() -> pl.DataFrame:
    return simulate(SMALL)


def test_same_settings_give_the_same_frame(payments: pl.DataFrame) -> None:
    assert_frame_equal(payments, simulate(SMALL))


def test_another_seed_gives_other_payments(payments: pl.DataFrame) -> None:
    other = simulate(replace(SMALL, seed=6))
    assert other["amount"].head(100).to_list() != payments["amount"].head(100).to_list()


def test_rows_are_numbered_in_the_order_of_time(payments: pl.DataFrame) -> None:
    assert payments["time"].is_sorted()
    assert payments["tx_id"].to_list() == list(range(len(payments)))
    assert payments.schema["time"] == pl.Datetime("us", "UTC")
    first, last = payments["time"][0], payments["time"][-1]
    assert first >= SMALL.start
    assert last < SMALL.start + timedelta(days=SMALL.days)


def test_customers_pay_as_often_and_as_much_as_described() -> None:
    """Rates are uniform on 0 to 4 a day and mean amounts on 5 to 100, so both average out."""
    calm = simulate(replace(SMALL, customers=2000, terminals_a_day=0, customers_a_day=0))
    # 3 % of the drawn times of day fall outside the day and are dropped.
    assert len(calm) / 2000 / SMALL.days == pytest.approx(2 * 0.97, rel=0.03)
    by_customer = calm.group_by("customer_id").agg(pl.col("amount").mean())
    assert by_customer["amount"].mean() == pytest.approx(52.5, rel=0.05)


def test_amounts_are_whole_cents_above_zero(payments: pl.DataFrame) -> None:
    cents = payments["amount"] * 100
    assert ((cents - cents.round()).abs() < 1e-6).all()
    assert payments["amount"].min() >= 0.01


def test_every_amount_above_the_limit_is_fraud(payments: pl.DataFrame) -> None:
    above = payments.filter(pl.col("amount") > SMALL.amount_limit)
    assert len(above) > 0
    assert above["fraud"].min() == 1
    assert payments.filter(pl.col("scenario") == 1)["amount"].min() > SMALL.amount_limit


def test_everything_at_a_compromised_terminal_is_fraud_until_its_time_is_over(
    payments: pl.DataFrame,
) -> None:
    """Between the first and the last fraud of a terminal that was hit once, nothing is honest."""
    hit = payments.filter(pl.col("scenario") == 2)
    spans = hit.group_by("terminal_id").agg(first=pl.col("time").min(), last=pl.col("time").max())
    once = spans.filter(pl.col("last") - pl.col("first") < timedelta(days=SMALL.terminal_days))
    assert len(once) > 20
    inside = payments.join(once, on="terminal_id").filter(
        pl.col("time").is_between(pl.col("first"), pl.col("last"))
    )
    assert inside["fraud"].min() == 1


def test_a_third_of_a_compromised_customers_payments_are_raised_fivefold() -> None:
    """Where everybody is compromised all the time, a third of all amounts are five times higher."""
    everybody = replace(SMALL, terminals_a_day=0, customers_a_day=300, amount_limit=1e9)
    made, calm = simulate(everybody), simulate(replace(everybody, customers_a_day=0))
    raised = made["scenario"] == 3
    assert raised.mean() == pytest.approx(1 / 3, abs=0.02)
    expected = pl.when(raised).then(calm["amount"] * 5).otherwise(calm["amount"])
    assert (made["amount"] - calm.select(expected.round(2)).to_series()).abs().max() < 1e-9


def test_sex_and_age_say_nothing_about_fraud() -> None:
    many = simulate(replace(SMALL, customers=3000, terminals=3000, days=60))
    for column in ("customer_sex", "customer_age_band"):
        rates = many.group_by(column).agg(pl.col("fraud").mean())["fraud"]
        assert rates.max() / rates.min() < 1.25
        assert many.group_by("customer_id").agg(pl.col(column).n_unique())[column].max() == 1


def test_personal_data_is_there_only_when_asked_for_and_changes_nothing_else(
    payments: pl.DataFrame,
) -> None:
    full = simulate(replace(SMALL, personal_data=True))
    assert_frame_equal(full.drop("card_number", "email"), payments)
    assert (
        full.group_by("customer_id").agg(pl.col("card_number").n_unique())["card_number"].max() == 1
    )


def test_card_numbers_pass_luhn_and_addresses_end_in_reserved_names() -> None:
    people = simulate(replace(SMALL, personal_data=True)).unique("customer_id")
    for number in people["card_number"]:
        assert len(number) == 16
        assert _luhn(number)
    assert people["email"].str.contains(r"^[a-z0-9]+@example\.(com|net|org)$").all()


def _luhn(number: str) -> bool:
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(number)]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"customers": 0},
        {"terminals": 0},
        {"days": -1},
        {"radius": float("nan")},
        {"seed": -1},
        {"customer_share": 1.5},
        {"terminals_a_day": -1},
        {"start": datetime(2025, 1, 1)},  # noqa: DTZ001
        {"customers": 10**9},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        replace(SMALL, **bad)


@given(
    customers=st.integers(1, 30),
    terminals=st.integers(1, 30),
    days=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
    radius=st.floats(0.01, 50),
)
@settings(max_examples=50, deadline=None)
def test_any_sensible_settings_give_a_sound_table(
    customers: int, terminals: int, days: int, seed: int, radius: float
) -> None:
    """Few customers, no terminal within reach, more compromised than there are: all sound."""
    start = datetime(2024, 2, 28, 12, tzinfo=UTC)
    made = simulate(SimulatorSettings(customers, terminals, days, seed, start, radius))
    assert made["fraud"].to_list() == [int(s > 0) for s in made["scenario"]]
    assert made.null_count().sum_horizontal().sum() == 0
    assert made["customer_id"].is_between(0, customers - 1).all()
    assert made["terminal_id"].is_between(0, terminals - 1).all()


def test_a_quarter_of_a_million_payments_take_less_than_five_seconds() -> None:
    began = time.perf_counter()
    made = simulate(SimulatorSettings(customers=3000, terminals=6000, days=45))
    assert len(made) > 250_000
    assert time.perf_counter() - began < 30
