"""Credibility: evasion of a LightGBM model on the Fraud Detection Handbook's simulated cards."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from strongroom.testing.cases import ask
from strongroom.testing.tables import make_system

CARDS = (
    Path(__file__).parents[3].parent / "shared/data/tabular/handbook_2018-07-25_2018-08-14.parquet"
)
FLAG = {"type": "bool"}
COUNT = {"type": "int", "min": 0, "direction": "up"}


def features(columns: list[str]) -> list[dict]:
    made: list[dict] = [
        {"name": "TX_AMOUNT", "min": 0.01, "max": 2_000, "step": 0.01, "mutable_by": ["payer"]},
        {"name": "TX_DURING_WEEKEND", **FLAG, "mutable_by": ["payer"]},
        {"name": "TX_DURING_NIGHT", **FLAG, "mutable_by": ["payer"]},
    ]
    for name in columns:
        if name.startswith("CUSTOMER_ID_NB"):
            made.append({"name": name, **COUNT, "mutable_by": ["payer"]})
        elif name.startswith("CUSTOMER_ID_AVG"):
            made.append({"name": name, "min": 0, "max": 2_000})
        elif name.startswith("TERMINAL_ID_NB"):
            made.append({"name": name, **COUNT, "mutable_by": ["merchant"]})
        elif name.startswith("TERMINAL_ID_RISK"):
            made.append({"name": name, "min": 0, "max": 1})
    return made


@pytest.mark.slow
def test_a_payer_gets_more_through_with_each_change_and_within_seconds(tmp_path):
    if not CARDS.exists():
        pytest.skip("needs ../shared/data/tabular/handbook_2018-07-25_2018-08-14.parquet")
    frame = pl.read_parquet(CARDS).drop("__index_level_0__")
    day = pl.col("TX_DATETIME").dt.date()
    tables = {
        "train": frame.filter(day < date(2018, 8, 1)),
        "test": frame.filter(day >= date(2018, 8, 8)),
    }
    schema = {
        "target": "TX_FRAUD",
        "time": "TX_DATETIME",
        "entity": "CUSTOMER_ID",
        "features": features(frame.columns),
    }
    system = make_system(tmp_path, tables, schema, params={"learning_rate": 0.05})
    heard = ask(system.load(), "robustness.evasion_budget", {"max_changes": 3})
    one, two, three = (heard.metrics[f"success[payer,{k}]"] for k in (1, 2, 3))
    assert heard.metrics["detected"].value > 0.6
    assert one.n == 400
    assert one.value <= two.value <= three.value
    assert heard.metrics["success[payer,amount]"].value <= one.value
    assert heard.metrics["queries_per_row[payer]"].value < 500
