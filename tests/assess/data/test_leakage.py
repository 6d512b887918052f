import numpy as np
import polars as pl
import pytest

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "data.leakage"


def rename_feature(workshop, old, new):
    manifest = workshop.manifest
    for feature in manifest["data"]["schema"]["features"]:
        if feature["name"] == old:
            feature["name"] = new
    workshop.write(manifest)
    for table in ("train", "test"):
        workshop.put(table, workshop.frame(table).rename({old: new}))


def test_a_clean_split_passes(workshop):
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["overlap_share"].value == 0
    assert 0.6 < answer.metrics["max_single_feature_auc"].value < 0.9


def test_shared_rows_are_counted_with_wilsons_interval(workshop):
    train, test = workshop.frame("train"), workshop.frame("test")
    workshop.put("test", pl.concat([test.head(1200), train.tail(300)]))
    metric = ask(workshop, CHECK).metrics["overlap_share"]
    assert metric.value == pytest.approx(0.2)
    assert 0.17 < metric.low < 0.2 < metric.high < 0.23


def test_equal_features_of_another_card_or_time_are_no_overlap(workshop):
    train = workshop.frame("train")
    workshop.put("test", train.with_columns(time=pl.col("time") + 10_000_000))
    assert ask(workshop, CHECK).metrics["overlap_share"].value == 0


def test_rows_with_missing_values_still_overlap(workshop):
    train = workshop.frame("train").with_columns(risk=pl.lit(None, dtype=pl.Float64))
    workshop.put("train", train)
    workshop.put("test", train)
    assert ask(workshop, CHECK).metrics["overlap_share"].value == 1


def test_test_rows_before_the_last_training_row_fail(workshop):
    both = pl.concat([workshop.frame("train"), workshop.frame("test")])
    mixed = both.sample(fraction=1.0, shuffle=True, seed=1)
    workshop.put("train", mixed.head(1500))
    workshop.put("test", mixed.tail(1500))
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.FAIL
    assert "time" in answer.broken


@pytest.mark.parametrize("direction", [1, -1])
def test_a_feature_that_is_the_label_has_an_auc_of_one_in_either_direction(workshop, direction):
    train = workshop.frame("train")
    workshop.put("train", train.with_columns(risk=pl.col("fraud") * direction))
    metric = ask(workshop, CHECK).metrics["max_single_feature_auc"]
    assert metric.value == 1
    assert "risk" in metric.method


def test_missing_values_that_betray_the_label_are_seen(workshop):
    train = workshop.frame("train")
    workshop.put("train", train.with_columns(risk=pl.when(pl.col("fraud") == 0).then(0.5)))
    assert ask(workshop, CHECK).metrics["max_single_feature_auc"].value == 1


def test_a_name_from_after_the_fact_fails_only_if_the_feature_knows_the_label(workshop):
    rename_feature(workshop, "risk", "chargeback_30d")
    assert ask(workshop, CHECK).outcome is Outcome.PASS
    train = workshop.frame("train")
    workshop.put("train", train.with_columns(chargeback_30d=pl.col("fraud") * 1.0))
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.FAIL
    assert answer.broken == {"after_the_fact"}


def test_the_owner_may_add_words_that_betray_a_feature(workshop):
    train = workshop.frame("train")
    workshop.put("train", train.with_columns(risk=pl.col("fraud") * 1.0))
    assert ask(workshop, CHECK).outcome is Outcome.PASS
    assert ask(workshop, CHECK, {"after_the_fact": ["risk"]}).broken == {"after_the_fact"}


@pytest.mark.parametrize("table", ["train", "test"])
def test_no_rows_cannot_be_told(workshop, table):
    workshop.put(table, workshop.frame(table).head(0))
    with pytest.raises(InputError, match="without rows"):
        ask(workshop, CHECK)


def test_one_class_cannot_be_told(workshop):
    workshop.put("train", workshop.frame("train").with_columns(fraud=pl.lit(0)))
    with pytest.raises(InputError, match="one class"):
        ask(workshop, CHECK)


def test_a_sample_gives_about_the_same_figure(workshop):
    whole = ask(workshop, CHECK).metrics["max_single_feature_auc"]
    part = ask(workshop, CHECK, {"sample": 700}).metrics["max_single_feature_auc"]
    assert part.n == 700
    assert np.isclose(part.value, whole.value, atol=0.08)
