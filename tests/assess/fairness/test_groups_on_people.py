"""Credibility: group fairness on Adult and on Taiwan credit default, against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import recall_score

from strongroom.assess.case import Case
from strongroom.testing.cases import ask
from strongroom.testing.tables import make_system

DATA = Path(__file__).parents[3].parent / "shared/data/tabular"
SETTINGS = {"threshold": 0.5}


def split(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=0)
    half = mixed.height // 2
    return {"train": mixed.head(half), "test": mixed.slice(half)}


def adult() -> tuple[pl.DataFrame, dict]:
    frame = pl.read_parquet(DATA / "adult.parquet").drop("__index_level_0__")
    frame = frame.with_columns(
        pl.col("income").str.starts_with(">50K").cast(pl.Int8).alias("rich")
    ).drop("income")
    words = [n for n, t in frame.schema.items() if t == pl.String and n not in {"sex", "race"}]
    codes = [pl.col(n).cast(pl.Categorical).to_physical().alias(f"{n}_code") for n in words]
    frame = frame.with_columns(codes)
    names = [n for n in frame.columns if frame.schema[n].is_numeric() and n != "rich"]
    schema = {"target": "rich", "sensitive": ["sex", "race", "age"]}
    return frame, {**schema, "features": [{"name": n} for n in names]}


def taiwan() -> tuple[pl.DataFrame, dict]:
    frame = pl.read_parquet(DATA / "taiwan_default.parquet")
    frame = frame.rename({"default.payment.next.month": "default"})
    names = [n for n in frame.columns if n not in {"ID", "default"}]
    schema = {"target": "default", "sensitive": ["SEX", "EDUCATION", "MARRIAGE", "AGE"]}
    return frame, {**schema, "features": [{"name": n} for n in names]}


@pytest.mark.slow
@pytest.mark.parametrize("source", [adult, taiwan])
def test_figures_are_those_that_scikit_learn_gives_group_by_group(tmp_path, source):
    if not (DATA / "adult.parquet").exists():
        pytest.skip("needs ../shared/data/tabular/adult.parquet and taiwan_default.parquet")
    frame, schema = source()
    loaded = make_system(tmp_path, split(frame), schema, rounds=100).load()
    heard = ask(loaded, "fairness.groups", SETTINGS)
    case = Case(loaded, 0, ("model", "data.test"))
    flagged = case.scorer.score(case.features("data.test")) >= 0.5
    labels, test = case.labels("data.test"), case.frame("data.test")
    for finding in heard.findings:
        column = test[finding.where]
        if column.dtype.is_numeric() and column.n_unique() > 12:
            continue  # cut into bands; the tests of bands look at those
        tprs = []
        for group in finding.facts["groups"]:
            rows = (column.cast(pl.String) == group["group"]).to_numpy()
            tpr = recall_score(labels[rows], flagged[rows])
            assert group["tpr"] == pytest.approx(tpr, abs=1e-6)
            assert group["rows"] == rows.sum()
            tprs += [tpr] * (group["positives"] >= 20)
        ratio = heard.metrics[f"tpr_ratio[{finding.where}]"]
        assert ratio.value == pytest.approx(np.min(tprs) / np.max(tprs))
    assert len(heard.findings) == len(schema["sensitive"])
