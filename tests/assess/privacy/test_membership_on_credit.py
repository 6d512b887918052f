"""Credibility: membership inference of LightGBM on the Taiwan credit default data."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from strongroom.testing.cases import ask
from strongroom.testing.tables import make_system

CREDIT = Path(__file__).parents[3].parent / "shared/data/tabular/taiwan_default.parquet"
TARGET = "default.payment.next.month"


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [100, 20])
def test_a_boosted_model_of_ten_thousand_rows_leaks_and_a_small_one_less(tmp_path, rounds):
    if not CREDIT.exists():
        pytest.skip("needs ../shared/data/tabular/taiwan_default.parquet")
    frame = pl.read_parquet(CREDIT).sample(fraction=1.0, shuffle=True, seed=0)
    names = [c for c in frame.columns if c not in {"ID", TARGET}]
    schema = {"target": TARGET, "features": [{"name": name} for name in names]}
    tables = {"train": frame.head(10_000), "test": frame.slice(10_000, 10_000)}
    params = {} if rounds == 100 else {"num_leaves": 7, "min_data_in_leaf": 100}
    system = make_system(tmp_path, tables, schema, rounds=rounds, params=params)
    began = time.process_time()
    heard = ask(system.load(), "privacy.membership")
    cpu = time.process_time() - began
    rate = heard.metrics["tpr@fpr=0.001"]
    assert abs(heard.metrics["shift_control.auc"].value - 0.5) < 0.03
    if rounds == 100:
        assert rate.low > 0.01
        assert heard.metrics["auc"].low > 0.6
        assert rate.low < heard.metrics["recipe.tpr@fpr=0.001"].value < rate.high
        assert heard.metrics["rmia.tpr@fpr=0.001"].low > 0.03
        assert cpu < 60
    else:
        assert rate.low < 0.005
        assert heard.metrics["auc"].high < 0.56
