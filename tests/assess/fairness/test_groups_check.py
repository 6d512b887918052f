"""fairness.groups, on a real model."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strongroom.assess.case import Case
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "fairness.groups"
LOOSE = {"threshold": 0.15}


def sensitive(workshop, *names: str) -> None:
    manifest = workshop.manifest
    manifest["data"]["schema"]["sensitive"] = list(names)
    workshop.write(manifest)


def test_figures_are_those_of_plain_counting(workshop):
    heard = ask(workshop.load(), CHECK, LOOSE)
    test = workshop.frame("test")
    case = Case(workshop.load(), 0, ("model", "data.test"))
    flagged = case.scorer.score(case.features("data.test")) >= 0.15
    sex, fraud = test["sex"].to_numpy(), test["fraud"].to_numpy()
    tpr = [flagged[(sex == s) & (fraud == 1)].mean() for s in (0, 1)]
    kept = [1 - flagged[sex == s].mean() for s in (0, 1)]
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["tpr_ratio[sex]"].value == pytest.approx(min(tpr) / max(tpr))
    assert heard.metrics["tpr_gap[sex]"].value == pytest.approx(max(tpr) - min(tpr))
    assert heard.metrics["favourable_ratio[sex]"].value == pytest.approx(min(kept) / max(kept))
    ratio = heard.metrics["selection_ratio[sex]"]
    assert ratio.low < ratio.value <= ratio.high
    assert [y for _, y in heard.curves["tpr[sex]"].points] == pytest.approx(tpr)
    assert heard.curves["tpr[sex]"].x_label == "sex: 0 = 0, 1 = 1"
    assert "screening" in heard.findings[0].facts["caveat"]


def test_a_group_that_the_model_disfavours_shows(workshop):
    test = workshop.frame("test")
    # Women pay at six in the morning, which the model reads as fraud.
    hour = pl.when(pl.col("sex") == 1).then(3).otherwise(12)
    workshop.put("test", test.with_columns(hour=hour))
    heard = ask(workshop.load(), CHECK, LOOSE)
    assert heard.metrics["selection_ratio[sex]"].high < 0.7
    assert "highest for 1" in heard.findings[0].message


def test_numbers_are_cut_into_bands_and_missing_values_are_a_group(workshop):
    test = workshop.frame("test")
    ages = np.arange(test.height) % 60 + 18
    age = pl.Series("age", ages).scatter(range(200), None)
    workshop.put("test", test.with_columns(age))
    sensitive(workshop, "age")
    heard = ask(workshop.load(), CHECK, {**LOOSE, "bands": {"age": [40, 25]}, "min_labelled": 5})
    table = heard.findings[-1].facts["groups"]
    assert [g["group"] for g in table] == ["< 25", "25 – 40", "≥ 40", "missing"]
    assert table[-1]["rows"] == 200
    quartiles = ask(workshop.load(), CHECK, {**LOOSE, "min_labelled": 5})
    assert len(quartiles.findings[-1].facts["groups"]) == 5


def test_small_groups_are_left_out_by_name_and_without_counts(workshop):
    test = workshop.frame("test")
    town = pl.Series("town", ["tiny"] * 50 + ["north", "south"] * ((test.height - 50) // 2))
    workshop.put("test", test.with_columns(town))
    sensitive(workshop, "town")
    heard = ask(workshop.load(), CHECK, LOOSE)
    assert heard.findings[-1].facts["left_out"] == ["tiny"]
    assert [g["group"] for g in heard.findings[-1].facts["groups"]] == ["north", "south"]


def test_when_groups_are_too_small_to_compare_it_is_unknown(workshop):
    workshop.put("test", workshop.frame("test").head(150))
    heard = ask(workshop.load(), CHECK, LOOSE)
    assert heard.outcome is Outcome.UNKNOWN
    assert "too_small" in heard.rules
    assert not [name for name in heard.metrics if "ratio" in name]


@pytest.mark.parametrize(
    ("names", "rule"), [((), "no_attribute"), (("religion",), "missing_attribute")]
)
def test_without_the_attribute_nothing_is_known(workshop, names, rule):
    if names:
        test = workshop.frame("test").with_columns(religion=pl.lit("a"))
        train = workshop.frame("train").with_columns(religion=pl.lit("a"))
        workshop.put("test", test)
        workshop.put("train", train)
    sensitive(workshop, *names)
    loaded = workshop.load()
    workshop.put("test", workshop.frame("test").drop(names))
    heard = ask(loaded, CHECK, LOOSE)
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, (rule,))


def test_a_name_is_not_a_group(workshop):
    test = workshop.frame("test")
    workshop.put("test", test.with_columns(name=pl.int_range(test.height).cast(pl.String)))
    sensitive(workshop, "name")
    assert ask(workshop.load(), CHECK, LOOSE).rules == ("too_many_groups",)


def test_a_share_of_flagged_rows_can_be_asked_for(workshop):
    heard = ask(workshop.load(), CHECK, {"flag_share": 0.2, "min_labelled": 5})
    groups = heard.findings[-1].facts["groups"]
    flagged = sum(g["selection"] * g["rows"] for g in groups) / sum(g["rows"] for g in groups)
    assert flagged == pytest.approx(0.2, abs=0.02)


def test_no_rows_are_unknown(workshop):
    workshop.put("test", workshop.frame("test").head(0))
    with pytest.raises(InputError, match="no rows"):
        ask(workshop.load(), CHECK)


@pytest.mark.parametrize(
    ("bands", "words"),
    [({"age": [30]}, "not declared sensitive"), ({"sex": [0.5]}, "cannot be cut")],
)
def test_bands_of_the_wrong_column_are_a_clear_error(workshop, bands, words):
    test = workshop.frame("test").with_columns(pl.col("sex").cast(pl.String))
    workshop.put("test", test)
    with pytest.raises(InputError, match=words):
        ask(workshop.load(), CHECK, {"bands": bands})
