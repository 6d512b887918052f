"""The Fraud Detection Handbook's published figures, through our own metrics.

Le Borgne, Siblini, Lebichot and Bontempi, Reproducible Machine Learning for Credit Card Fraud
Detection, chapter 3: trained on 25 to 31 July 2018, a week's delay, tested on 8 to 14 August.
"""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from strongroom.assess.measures.card_precision import card_precision, daily_precision, days_of
from strongroom.assess.measures.ranking import auc, average_precision, rank

DATA = (
    Path(__file__).parents[3].parent / "shared/data/tabular/handbook_2018-07-25_2018-08-14.parquet"
)
START, DELAY, DAYS = date(2018, 7, 25), 7, 7


def split():
    """Training week and test week, without cards already known to be compromised."""
    if not DATA.exists():
        pytest.skip(f"needs ../shared/data/tabular/{DATA.name}")
    table = pl.read_parquet(DATA).with_columns(day=pl.col("TX_DATETIME").cast(pl.Date))
    train = table.filter(pl.col("day").is_between(START, START + timedelta(DAYS - 1)))
    known = set(train.filter(pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
    weeks = []
    for offset in range(DAYS):
        told = table.filter(pl.col("day") == START + timedelta(DAYS + offset - 1))
        known |= set(told.filter(pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
        today = table.filter(pl.col("day") == START + timedelta(DAYS + DELAY + offset))
        weeks.append(today.filter(~pl.col("CUSTOMER_ID").is_in(list(known))))
    return train, pl.concat(weeks)


MODELS = {
    "logistic regression": (
        make_pipeline(StandardScaler(), LogisticRegression(random_state=0)),
        (0.871, 0.606, 0.291),
    ),
    "tree of depth 2": (
        DecisionTreeClassifier(max_depth=2, random_state=0),
        (0.763, 0.496, 0.241),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_handbooks_figures_are_reproduced(name):
    model, (published_auc, published_ap, published_precision) = MODELS[name]
    train, test = split()
    features = [c for c in train.columns if "WINDOW" in c]
    features += ["TX_AMOUNT", "TX_DURING_WEEKEND", "TX_DURING_NIGHT"]
    model.fit(train.select(features).to_numpy(), train["TX_FRAUD"].to_numpy())
    scores = model.predict_proba(test.select(features).to_numpy())[:, 1]
    labels = test["TX_FRAUD"].to_numpy()
    counted = rank(labels, scores)
    daily = daily_precision(test["CUSTOMER_ID"], days_of(test["TX_DATETIME"]), labels, scores, 100)
    assert auc(counted.positives, counted.negatives) == pytest.approx(published_auc, abs=0.002)
    assert average_precision(counted.positives, counted.negatives) == pytest.approx(
        published_ap, abs=0.002
    )
    assert card_precision(daily, 100).value == pytest.approx(published_precision, abs=0.002)
