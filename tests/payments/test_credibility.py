"""Strongroom's metrics give the figures that the Fraud Detection Handbook published."""

from __future__ import annotations

import polars as pl
import pytest
from bench.credibility import DATA, MODELS, PUBLISHED, judge, weeks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def payments() -> pl.DataFrame:
    if not DATA.exists():
        pytest.skip(f"needs ../shared/data/tabular/{DATA.name}")
    return pl.read_parquet(DATA)


@pytest.mark.parametrize("name", MODELS)
def test_published_figures_are_reproduced(payments: pl.DataFrame, name: str) -> None:
    """AUC, average precision and card precision@100 to ± 0.002."""
    figures = judge(MODELS[name], *weeks(payments))
    assert figures.near(PUBLISHED[name]), figures


def test_the_set_up_matters(payments: pl.DataFrame) -> None:
    """Known cards left in the test week give other figures, so agreement is no accident."""
    train, _ = weeks(payments)
    everything = payments.filter(pl.col("TX_TIME_DAYS") >= payments["TX_TIME_DAYS"].min() + 14)
    test = everything.with_columns(day=pl.col("TX_TIME_DAYS"))
    name = "logistic regression"
    assert not judge(MODELS[name], train, test).near(PUBLISHED[name])
