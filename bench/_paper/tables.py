"""Five data sets as tables of numbers, each with a schema that says what an attacker can set.

Rows are sampled so that the whole paper takes about forty CPU minutes; the sampling is seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from strongroom.payments.features import FEATURES, with_features
from strongroom.payments.folder import split_by_time
from strongroom.payments.simulator import CATEGORIES, CHANNELS, SimulatorSettings, simulate

DATA: Final = Path(__file__).parents[2].parent / "shared/data/tabular"
SEED: Final = 7
PAYER: Final = {"mutable_by": ["payer"]}


@dataclass(frozen=True, slots=True)
class Source:
    """One data set, ready to be learnt from."""

    key: str
    title: str
    train: pl.DataFrame
    test: pl.DataFrame
    schema: Mapping[str, Any]
    target_fpr: float
    """Where its models flag."""
    licence: str
    origin: str


def cards() -> Source:
    """ULB cards: the later two fifths of the two days are the test; every second fraud-free row."""
    table = pl.read_parquet(DATA / "creditcard_ulb.parquet").sort("Time", maintain_order=True)
    cut = table["Time"].quantile(0.6, interpolation="lower")
    parts = (table.filter(pl.col("Time") <= cut), table.filter(pl.col("Time") > cut))
    train, test = (
        _keeping_frauds(part, "Class", rows)
        for part, rows in zip(parts, (20_000, 12_000), strict=True)
    )
    hidden = [{"name": f"V{i}"} for i in range(1, 29)]
    amount = {"name": "Amount", "min": 0, "max": 50_000, "step": 0.01, **PAYER}
    return Source(
        "cards", "Cards (ULB)", train, test,
        {"target": "Class", "time": "Time", "features": [*hidden, amount]},
        0.01, "DbCL-1.0", "ULB Machine Learning Group and Worldline",
    )  # fmt: skip


def simulated() -> Source:
    """Our simulator: the model reads what the payer chooses, and histories that he does not."""
    settings = SimulatorSettings(
        customers=6_000, terminals=12_000, days=64, seed=SEED, terminals_a_day=5, customers_a_day=8
    )
    table = with_features(simulate(settings)).with_columns(
        hour=pl.col("time").dt.hour().cast(pl.Int64),
        channel=pl.col("channel").to_physical(),
        merchant_category=pl.col("merchant_category").to_physical(),
    )
    split = split_by_time(table, train_days=10, test_days=10)
    names = ["hour", "channel", "merchant_category", *FEATURES]
    train, test = (
        _keeping_frauds(part.select("time", *names, "fraud"), "fraud", rows)
        for part, rows in ((split.train, 20_000), (split.test, 12_000))
    )
    chosen: dict[str, Any] = {
        "hour": {"type": "int", "min": 0, "max": 23, **PAYER},
        "channel": {"type": "int", "min": 0, "max": len(CHANNELS.categories) - 1, **PAYER},
        "merchant_category": {
            "type": "int", "min": 0, "max": len(CATEGORIES.categories) - 1, **PAYER,
        },
        "amount": {"min": 0.01, "max": 5_000, "step": 0.01, **PAYER},
    }  # fmt: skip
    features = [{"name": name, **chosen.get(name, {})} for name in names]
    return Source(
        "simulated", "Cards (simulated)", train, test,
        {"target": "fraud", "time": "time", "features": features},
        0.01, "Apache-2.0", "strongroom.payments.simulator, seed 7",
    )  # fmt: skip


def default() -> Source:
    """Taiwan credit default, the rows of `bench/privacy.py`."""
    target = "default.payment.next.month"
    table = pl.read_parquet(DATA / "taiwan_default.parquet").sample(
        fraction=1.0, shuffle=True, seed=0
    )
    chosen = {
        "PAY_AMT1": {"min": 0, "max": 2_000_000, "step": 1, "direction": "up", **PAYER},
        "BILL_AMT1": {"min": -1e6, "max": 2_000_000, "step": 1, "direction": "down", **PAYER},
        "EDUCATION": {"type": "int", "min": 0, "max": 6, **PAYER},
        "MARRIAGE": {"type": "int", "min": 0, "max": 3, **PAYER},
    }
    names = [c for c in table.columns if c not in {"ID", target}]
    return Source(
        "default", "Credit default (Taiwan)", table.head(10_000), table.slice(10_000, 10_000),
        {"target": target, "features": [{"name": n, **chosen.get(n, {})} for n in names]},
        0.1, "CC-BY-4.0", "Yeh, UCI Machine Learning Repository 350",
    )  # fmt: skip


def german() -> Source:
    """German credit: 600 applicants to learn from, 400 to be judged on."""
    target = "credit-label"
    table = pl.read_parquet(DATA / "german_credit.parquet").drop("sex-age")
    table = table.sample(fraction=1.0, shuffle=True, seed=0)
    names = [c for c in table.columns if c != target]
    told = ("purpose", "telephone", "employment")
    groups = [[n for n in names if n.startswith(f"{prefix}_")] for prefix in told]
    free = {name for group in groups for name in group}
    chosen: dict[str, Any] = {
        "month": {"type": "int", "min": 4, "max": 72, **PAYER},
        "credit-amount": {"type": "int", "min": 250, "max": 20_000, "direction": "down", **PAYER},
        **{name: {"type": "bool", **PAYER} for name in free},
    }
    return Source(
        "german", "Credit (German)", table.head(600), table.tail(400),
        {
            "target": target,
            "features": [{"name": n, **chosen.get(n, {})} for n in names],
            "one_hot": groups,
        },
        0.1, "CC-BY-4.0", "Hofmann, UCI Machine Learning Repository 144",
    )  # fmt: skip


def adult() -> Source:
    """Adult: a means test, in which somebody with an income wants to look as if he had none."""
    table = pl.read_parquet(DATA / "adult.parquet").drop("fnlwgt", "education", "__index_level_0__")
    words = [c for c, kind in table.schema.items() if kind == pl.String and c != "income"]
    table = table.with_columns(
        *(pl.col(c).rank("dense").cast(pl.Int64) - 1 for c in words),
        income=pl.col("income").str.starts_with(">50K").cast(pl.Int8),
    ).sample(fraction=1.0, shuffle=True, seed=0)
    top = {c: int(table[c].to_numpy().max()) for c in words}
    chosen: dict[str, Any] = {
        "hours_per_week": {"type": "int", "min": 1, "max": 99, **PAYER},
        "capital_gain": {"min": 0, "max": 99_999, "step": 1, "direction": "down", **PAYER},
        **{
            c: {"type": "int", "min": 0, "max": top[c], **PAYER}
            for c in ("workclass", "occupation")
        },
    }
    names = [c for c in table.columns if c != "income"]
    return Source(
        "adult", "Means test (Adult)", table.head(15_000), table.slice(15_000, 10_000),
        {"target": "income", "features": [{"name": n, **chosen.get(n, {})} for n in names]},
        0.1, "CC-BY-4.0", "Becker and Kohavi, UCI Machine Learning Repository 2",
    )  # fmt: skip


SOURCES: Final[Mapping[str, Callable[[], Source]]] = {
    one.__name__: one for one in (cards, simulated, default, german, adult)
}


def present(key: str) -> bool:
    """Whether the data set is here; the simulator always is."""
    return key == "simulated" or DATA.exists()


def _keeping_frauds(table: pl.DataFrame, target: str, rows: int) -> pl.DataFrame:
    """All rows of label 1 and as many others as make `rows`, in their order."""
    flagged = pl.col(target) == 1
    kept = table.with_row_index("__row")
    frauds = kept.filter(flagged)
    others = kept.filter(~flagged).sample(max(0, rows - frauds.height), seed=SEED)
    return pl.concat([frauds, others]).sort("__row").drop("__row")
