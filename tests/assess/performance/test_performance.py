import lightgbm
import numpy as np
import polars as pl
import pytest

from strongroom.assess.measures.card_precision import card_precision, daily_precision, days_of
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES

BOTH = ("performance.discrimination", "performance.calibration")


def replace_model(workshop, labels, objective="binary"):
    train = workshop.frame("train")
    data = lightgbm.Dataset(train.select(FEATURES).to_numpy(), label=labels)
    params = {"objective": objective, "num_leaves": 7, "verbosity": -1, "num_threads": 1}
    lightgbm.train(params, data, 30).save_model(workshop.folder / "model.txt")


def test_a_useful_model_is_measured_with_intervals_and_curves(workshop):
    answer = ask(workshop, "performance.discrimination")
    assert answer.outcome is Outcome.PASS
    assert set(answer.metrics) == {"auc", "average_precision", "recall@fpr=0.01"}
    for metric in answer.metrics.values():
        assert metric.n == 1500
        assert metric.low < metric.value < metric.high
    assert 0.75 < answer.metrics["auc"].value < 0.95
    for curve in answer.curves.values():
        assert len(curve.points) == len(curve.band) <= 300
        assert all(
            low <= y <= high for (_, y), (low, high) in zip(curve.points, curve.band, strict=True)
        )


def test_same_seed_same_figures_and_another_seed_moves_only_the_interval(workshop):
    one, two, other = (
        ask(workshop, "performance.discrimination", seed=s).metrics["auc"] for s in (1, 1, 2)
    )
    assert one == two
    assert other.value == one.value
    assert other.low != one.low


def test_scores_the_wrong_way_round_fail(workshop):
    replace_model(workshop, 1 - workshop.frame("train")["fraud"].to_numpy())
    answer = ask(workshop, "performance.discrimination")
    assert answer.broken == {"inverted"}
    assert answer.outcome is Outcome.FAIL


def test_a_coin_is_unknown_not_pass(workshop):
    rng = np.random.default_rng(0)
    replace_model(workshop, rng.integers(0, 2, 1500))
    assert ask(workshop, "performance.discrimination").outcome is not Outcome.PASS


def test_probabilities_of_a_model_trained_on_balanced_classes_fail_calibration(workshop):
    train = workshop.frame("train")
    frauds = train.filter(pl.col("fraud") == 1)
    balanced = pl.concat([train, *[frauds] * 15])
    data = lightgbm.Dataset(
        balanced.select(FEATURES).to_numpy(), label=balanced["fraud"].to_numpy()
    )
    params = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1}
    lightgbm.train(params, data, 60).save_model(workshop.folder / "model.txt")
    answer = ask(workshop, "performance.calibration")
    assert answer.outcome is Outcome.FAIL
    assert answer.metrics["ece"].low > 0.1


def test_a_calibrated_model_passes_with_a_reliability_curve(workshop):
    answer = ask(workshop, "performance.calibration")
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["ece"].value < 0.06
    assert answer.metrics["brier_skill"].low > 0
    stated = [x for x, _ in answer.curves["reliability"].points]
    assert stated == sorted(stated)


@pytest.mark.parametrize("check", BOTH)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.with_columns(fraud=pl.lit(0)), "one class"),
        (lambda t: t.head(0), "one class"),
        (lambda t: t.drop("amount"), "columns missing: amount"),
        (lambda t: t.drop("fraud"), "target column fraud is missing"),
        (lambda t: t.with_columns(fraud=pl.lit("yes")), "holds String"),
        (lambda t: t.with_columns(fraud=pl.lit(None, pl.Int8)), "neither 0 nor 1"),
        (lambda t: t.with_columns(fraud=pl.lit(float("nan"))), "neither 0 nor 1"),
    ],
)
def test_data_that_says_nothing_is_refused(workshop, check, spoil, message):
    workshop.put("test", spoil(workshop.frame("test")))
    with pytest.raises(InputError, match=message):
        ask(workshop, check)


def test_two_rows_of_each_class_give_an_honest_wide_interval(workshop):
    test = workshop.frame("test")
    few = pl.concat([test.filter(pl.col("fraud") == c).head(2) for c in (0, 1)])
    workshop.put("test", few.sort("time"))
    auc = ask(workshop, "performance.discrimination").metrics["auc"]
    assert auc.high - auc.low > 0.5


# --- card precision


def frame_of(rows):
    return pl.DataFrame(rows, schema=["card", "day", "label", "score"], orient="row")


def precision_of(rows, k):
    t = frame_of(rows)
    return daily_precision(t["card"], t["day"], t["label"].to_numpy(), t["score"].to_numpy(), k)


def test_card_precision_counts_cards_not_payments():
    rows = [("a", 1, 1, 0.9), ("a", 1, 1, 0.8), ("b", 1, 0, 0.7), ("c", 1, 1, 0.1)]
    assert precision_of(rows, 2).to_list() == [0.5]


def test_a_card_found_compromised_leaves_the_later_days():
    day = [("a", 1, 1, 0.9), ("b", 1, 0, 0.8), ("c", 1, 0, 0.1)]
    later = [("a", 2, 1, 0.9), ("b", 2, 0, 0.8), ("c", 2, 0, 0.1)]
    assert precision_of(day + later, 2).to_list() == [0.5, 0.0]


def test_days_with_fewer_cards_than_the_budget_do_not_count():
    assert precision_of([("a", 1, 1, 0.9)], 2).to_list() == []


def test_one_day_says_nothing_about_other_days():
    metric = card_precision(pl.Series([0.3]), 100)
    assert (metric.low, metric.high) == (0.0, 1.0)


def test_card_precision_is_reported_where_days_have_enough_cards(workshop):
    answer = ask(workshop, "performance.discrimination", {"cards": 10})
    metric = answer.metrics["card_precision@10"]
    assert 0 <= metric.low <= metric.value <= metric.high <= 1


@pytest.mark.parametrize(
    ("times", "days"),
    [
        (pl.Series([0, 86_399, 86_400]), [0, 0, 1]),
        (pl.Series([0.5, 86_400.5, None]), [0, 1, None]),
        (pl.Series(["2018-01-01"]), None),
    ],
)
def test_days_come_from_seconds(times, days):
    made = days_of(times)
    assert (made if made is None else made.to_list()) == days


def test_days_come_from_date_times():
    times = pl.Series(["2018-07-25 23:59", "2018-07-26 00:00"]).str.to_datetime()
    assert days_of(times).n_unique() == 2
