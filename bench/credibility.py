"""Published figures of the Fraud Detection Handbook, reproduced through Strongroom's own metrics.

    python -m bench.credibility

The handbook (Le Borgne, Siblini, Lebichot, Bontempi, chapters 3 and 5) trains on a week of its
simulated data, waits a week until labels are known, and tests on the week after, leaving out cards
that were known to be compromised by the day of each payment. If our figures of its models are its
figures, our metrics and our reading of its set-up are right. `run()` gives a Markdown section.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from strongroom.assess.measures.card_precision import daily_precision
from strongroom.assess.measures.ranking import auc, average_precision, rank

DATA = (
    Path(__file__).parents[1].parent / "shared/data/tabular/handbook_2018-07-25_2018-08-14.parquet"
)
WEEK = 7
TOLERANCE = 0.002
WINDOWS = (1, 7, 30)
READ = (
    "TX_AMOUNT",
    "TX_DURING_WEEKEND",
    "TX_DURING_NIGHT",
    *(f"CUSTOMER_ID_{what}_{w}DAY_WINDOW" for w in WINDOWS for what in ("NB_TX", "AVG_AMOUNT")),
    *(f"TERMINAL_ID_{what}_{w}DAY_WINDOW" for w in WINDOWS for what in ("NB_TX", "RISK")),
)


@dataclass(frozen=True)
class Figures:
    """Of one model on the test week."""

    auc: float
    average_precision: float
    card_precision: float
    """Of 100 cards a day."""

    def near(self, other: Figures) -> bool:
        """Whether all three agree to the tolerance."""
        pairs = zip(self.__dict__.values(), other.__dict__.values(), strict=True)
        return all(abs(a - b) <= TOLERANCE for a, b in pairs)


PUBLISHED = {
    "logistic regression": Figures(0.871, 0.606, 0.291),
    "decision tree, depth 2": Figures(0.763, 0.496, 0.241),
}
MODELS: dict[str, ClassifierMixin] = {
    "logistic regression": LogisticRegression(random_state=0),
    "decision tree, depth 2": DecisionTreeClassifier(max_depth=2, random_state=0),
}


def reproduce(path: Path = DATA) -> dict[str, Figures]:
    """Train and judge each model."""
    train, test = weeks(pl.read_parquet(path))
    return {name: judge(model, train, test) for name, model in MODELS.items()}


def weeks(payments: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first week, and the third without cards known to be compromised by then.

    A card is known on a test day if it was defrauded in the training week, or more than a week
    before that day.
    """
    payments = payments.sort("TX_DATETIME", "TRANSACTION_ID")
    day = pl.col("TX_TIME_DAYS") - pl.col("TX_TIME_DAYS").min()
    payments = payments.with_columns(day=day)
    first_fraud = (
        payments.filter((pl.col("TX_FRAUD") == 1) & (pl.col("day") < 2 * WEEK))
        .group_by("CUSTOMER_ID")
        .agg(first=pl.col("day").min())
    )
    test = payments.filter(pl.col("day") >= 2 * WEEK).join(
        first_fraud, on="CUSTOMER_ID", how="left", maintain_order="left"
    )
    known = (pl.col("first") < WEEK) | (pl.col("first") < pl.col("day") - WEEK)
    return (
        payments.filter(pl.col("day") < WEEK),
        test.filter(~known.fill_null(value=False)),
    )


def judge(model: ClassifierMixin, train: pl.DataFrame, test: pl.DataFrame) -> Figures:
    """Fit on scaled features, score the test week, and take our figures."""
    fitted = make_pipeline(StandardScaler(), model).fit(
        train.select(READ).to_numpy(), train["TX_FRAUD"].to_numpy()
    )
    scores = fitted.predict_proba(test.select(READ).to_numpy())[:, 1]
    labels = test["TX_FRAUD"].to_numpy()
    ranking = rank(labels, scores)
    daily = daily_precision(test["CUSTOMER_ID"], test["day"], labels, scores, k=100)
    return Figures(
        float(auc(ranking.positives, ranking.negatives)),
        float(average_precision(ranking.positives, ranking.negatives)),
        float(np.mean(daily.to_numpy())),
    )


def run() -> str:
    """The comparison as Markdown."""
    if not DATA.exists():
        return "## Published figures, reproduced\n\nThe handbook's data is not here.\n"
    lines = [
        "## Published figures, reproduced",
        "",
        "Fraud Detection Handbook, test week 8 to 14 August 2018; published → ours.",
        "",
        "| model | AUC | average precision | card precision@100 |",
        "|---|---|---|---|",
    ]
    for name, ours in reproduce().items():
        theirs = PUBLISHED[name].__dict__
        cells = [f"{theirs[k]:.3f} → {v:.4f}" for k, v in ours.__dict__.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(run())
