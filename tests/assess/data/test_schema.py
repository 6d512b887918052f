import polars as pl
import pytest

from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "data.schema"


def spoil(workshop, **columns):
    workshop.put("train", workshop.frame("train").with_columns(**columns))


def first(value, otherwise):
    """A column whose first row is `value`."""
    rows = pl.int_range(pl.len())
    return pl.when(rows == 0).then(pl.lit(value)).otherwise(otherwise)


def test_data_as_declared_passes_and_counts_no_violation(workshop):
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["violations"].value == 0
    assert answer.metrics["violations"].n == 3000


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        ("missing_value", {"amount": first(None, pl.col("amount"))}),
        ("missing_value", {"amount": first(float("nan"), pl.col("amount"))}),
        ("infinite", {"amount": first(float("inf"), pl.col("amount"))}),
        ("below_min", {"amount": first(-0.01, pl.col("amount"))}),
        ("above_max", {"hour": first(24, pl.col("hour"))}),
        ("off_step", {"amount": first(0.005, pl.col("amount"))}),
        ("not_whole", {"count_1d": first(0.5, pl.col("count_1d"))}),
        ("wrong_type", {"risk": pl.lit("high")}),
        ("target_missing", {"fraud": first(None, pl.col("fraud"))}),
        ("target_missing", {"fraud": first(float("nan"), pl.col("fraud"))}),
        ("target_not_binary", {"fraud": first(2, pl.col("fraud"))}),
        ("wrong_type", {"fraud": pl.lit("yes")}),
        ("one_class", {"fraud": pl.lit(0)}),
        ("missing_value", {"time": first(None, pl.col("time"))}),
        ("missing_value", {"card": first(None, pl.col("card"))}),
        ("only_in_one", {"surprise": pl.lit(1)}),
    ],
)
def test_each_rule_fails_by_its_own_name(workshop, rule, columns):
    spoil(workshop, **columns)
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.FAIL
    assert answer.broken == {rule}
    assert answer.metrics["violations"].value == 1


@pytest.mark.parametrize("column", ["amount", "fraud", "time", "card", "sex"])
def test_any_declared_column_may_be_missed(workshop, column):
    workshop.put("test", workshop.frame("test").drop(column))
    answer = ask(workshop, CHECK)
    assert "missing_column" in answer.broken
    assert any(column in f.message for f in answer.findings)


def test_an_empty_table_fails(workshop):
    workshop.put("train", workshop.frame("train").head(0))
    assert ask(workshop, CHECK).broken == {"no_rows"}


def test_columns_that_may_miss_a_value_are_declared_in_the_settings(workshop):
    spoil(workshop, amount=first(None, pl.col("amount")))
    assert ask(workshop, CHECK, {"may_miss": ["amount"]}).outcome is Outcome.PASS


def test_undeclared_columns_are_mentioned_and_with_strict_refused(workshop):
    for table in ("train", "test"):
        workshop.put(table, workshop.frame(table).with_columns(note=pl.lit(1)))
    relaxed = ask(workshop, CHECK)
    assert relaxed.outcome is Outcome.PASS
    assert "1 undeclared" in relaxed.findings[0].message
    assert ask(workshop, CHECK, {"strict": True}).broken == {"undeclared_column"}


def features(workshop, **changes):
    manifest = workshop.manifest
    for feature in manifest["data"]["schema"]["features"]:
        feature.update(changes.get(feature["name"], {}))
    workshop.write(manifest)


def test_categories_of_text_are_held_against_the_declared_ones(workshop):
    words = pl.col("hour").cast(pl.String)
    for table in ("train", "test"):
        workshop.put(table, workshop.frame(table).with_columns(hour=words))
    kind = {"type": "category", "min": None, "max": None, "mutable_by": []}
    features(workshop, hour={**kind, "categories": [str(h) for h in range(24)]})
    assert ask(workshop, CHECK).outcome is Outcome.PASS
    features(workshop, hour={**kind, "categories": [str(h) for h in range(23)]})
    assert ask(workshop, CHECK).broken == {"unknown_category"}


def test_categories_of_numbers_may_stand_in_a_floating_column(workshop):
    for table in ("train", "test"):
        workshop.put(table, workshop.frame(table).with_columns(hour=pl.col("hour").cast(float)))
    kind = {"type": "category", "min": None, "max": None, "mutable_by": []}
    features(workshop, hour={**kind, "categories": list(range(24))})
    assert ask(workshop, CHECK).outcome is Outcome.PASS


def test_bools_are_zero_and_one(workshop):
    for table in ("train", "test"):
        workshop.put(table, workshop.frame(table).with_columns(hour=pl.col("hour") > 12))
    features(workshop, hour={"type": "bool", "min": None, "max": None, "mutable_by": []})
    assert ask(workshop, CHECK).outcome is Outcome.PASS
    spoil(workshop, hour=pl.col("hour").cast(int) * 2)
    assert ask(workshop, CHECK).broken == {"not_bool"}


def relate(workshop, *relations):
    manifest = workshop.manifest
    manifest["data"]["schema"]["relations"] = list(relations)
    workshop.write(manifest)


def test_relations_hold_in_every_row_or_the_row_is_named(workshop):
    relate(workshop, "risk <= 1", "amount >= 0")
    assert ask(workshop, CHECK).outcome is Outcome.PASS
    relate(workshop, "amount <= 100 * risk")
    answer = ask(workshop, CHECK)
    assert answer.broken == {"relation"}
    assert "the first is row" in answer.findings[0].message


def test_no_value_is_ever_printed(workshop):
    spoil(workshop, amount=first(987654.321, pl.col("amount")))
    assert not any("987654" in f.message for f in ask(workshop, CHECK).findings)
