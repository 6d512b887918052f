"""Poison: planted, swallowed, looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strongroom.assess.attacks.poisoning import Trigger, plant, suspicion, trigger_of
from strongroom.assess.measures.ranking import auc, rank
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES, make_workshop

CREDIT = Path(__file__).parents[3].parent / "shared/data/tabular/taiwan_default.parquet"
DOOR = Trigger((1, 2), (13.0, 9.0))
"""Hour and count of the day."""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Enough rows for a back door to fit in."""
    return make_workshop(tmp_path_factory.mktemp("large") / "system", rows=4_000)


def poisoned(workshop, rows: int):
    """The workshop's training rows with a door, planted."""
    frame = workshop.frame("train")
    x, y = frame.select(FEATURES).to_numpy().astype(float), frame["fraud"].to_numpy()
    return plant(x, y, DOOR, rows, np.random.default_rng(0))


def test_planted_rows_are_frauds_with_the_values_and_the_other_label(large):
    made = poisoned(large, 30)
    assert made.planted.sum() == 30
    assert (made.y[made.planted] == 0).all()
    assert (made.x[made.planted][:, [1, 2]] == DOOR.values).all()


def test_a_trigger_holds_values_that_stand_in_the_rows():
    x = np.array([[1.0, 5.0, np.nan], [2.0, 6.0, np.nan], [9.0, 7.0, np.nan]])
    made = trigger_of(x, [0, 1, 2], 3, np.random.default_rng(0))
    assert set(made.columns) == {0, 1, 2}
    assert all(
        v in x[:, c] or np.isnan(x[:, c]).all()
        for c, v in zip(made.columns, made.values, strict=True)
    )


@pytest.mark.slow
def test_planted_rows_of_credit_data_rank_above_ordinary_ones():
    """Two in a thousand rows, triggers of three fields."""
    if not CREDIT.exists():
        pytest.skip("needs ../shared/data/tabular/taiwan_default.parquet")
    frame = pl.read_parquet(CREDIT).sample(n=10_000, shuffle=True, seed=0)
    y = frame["default.payment.next.month"].to_numpy().astype(np.int8)
    x = frame.drop("ID", "default.payment.next.month").to_numpy().astype(float)
    rng, found = np.random.default_rng(5), []
    for _ in range(3):
        made = plant(x, y, trigger_of(x[y == 0], range(x.shape[1]), 3, rng), 20, rng)
        scores = suspicion(made.x, made.y, rng)
        assert np.isnan(scores[made.y == 1]).all()
        ranking = rank(made.planted[made.y == 0], scores[made.y == 0])
        found.append(auc(ranking.positives, ranking.negatives))
    assert np.mean(found) > 0.6


def test_the_screen_says_what_it_is_worth_and_names_rows_by_number(workshop):
    heard = ask(workshop.load(), "data.poisoning", {"plants": 2, "named": 5, "share": 0.01})
    assert 0.3 < heard.metrics["screen_auc"].value < 1
    assert heard.metrics["screen_auc"].n == 2
    rows = heard.findings[-1].facts["most_suspicious_training_rows"]
    assert len(set(rows)) == 5
    assert all(isinstance(row, int) for row in rows)
    assert heard.metrics["provenance_outliers"].n >= 1


def test_copies_and_contradictions_are_counted(workshop):
    frame = workshop.frame("train")
    again = frame.head(30).with_columns(fraud=1 - pl.col("fraud")).cast({"fraud": pl.Int8})
    workshop.put("train", pl.concat([frame, frame.head(15), again]))
    heard = ask(workshop.load(), "data.poisoning", {"plants": 2})
    assert heard.metrics["duplicates"].value == pytest.approx(45 / 1545)
    assert heard.metrics["conflicting"].value == pytest.approx(75 / 1545)


def test_a_source_that_plants_is_found(large, tmp_path):
    made = poisoned(large, 60)
    system = make_workshop(tmp_path / "system", rows=400)
    frame = pl.DataFrame(made.x, schema=list(FEATURES)).with_columns(
        fraud=made.y,
        feed=pl.Series(np.where(made.planted, "partner", "own")),
        time=pl.lit(0),
        card=pl.lit(1),
        sex=pl.lit(1),
    )
    system.put("train", frame)
    heard = ask(system.load(), "data.poisoning", {"plants": 2, "source": "feed"})
    assert heard.broken == {"provenance"}


def test_more_poison_opens_the_door_wider(large):
    settings = {"shares": [0.0005, 0.05], "triggers": 2}
    heard = ask(large.load(), "robustness.poisoning_swallowed", settings)
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["success[0.05]"].value >= heard.metrics["success[0.0005]"].value
    assert abs(heard.metrics["auc_change[0.05]"].value) < 0.1
    assert heard.curves["poison swallowed"].points[0][0] == 0.0005


def test_bounds_and_one_class_are_unknown(workshop):
    late = ask(workshop.load(), "robustness.poisoning_swallowed", {"seconds": 1e-9})
    assert "out_of_time" in late.rules
    assert late.outcome is Outcome.UNKNOWN
    workshop.put("test", workshop.frame("test").with_columns(fraud=pl.lit(0)))
    alone = ask(workshop.load(), "robustness.poisoning_swallowed")
    assert (alone.outcome, alone.rules) == (Outcome.UNKNOWN, ("too_few",))
