"""Pairs of attributes, money, calibration and drift by group, on a small real model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from strongroom.assess.case import Case
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import payments

SHARE = {"flag_share": 0.1}
BANDS = {"bands": {"hour": [12]}}
EVERY = ("fairness.intersections", "fairness.costs", "fairness.calibration", "fairness.drift")
DECIDING = tuple(name for name in EVERY if name != "fairness.calibration")


def declare(workshop, *names: str, time: str | None = "time") -> None:
    manifest = workshop.manifest
    manifest["data"]["schema"]["sensitive"] = list(names)
    if time is None:
        del manifest["data"]["schema"]["time"]
    workshop.write(manifest)


def plain(workshop):
    """The test rows, their scores and who is flagged."""
    case = Case(workshop.load(), 0, ("model", "data.test"))
    scores = case.scorer.score(case.features("data.test"))
    flagged = scores >= np.quantile(scores, 0.9, method="higher")
    return workshop.frame("test"), scores, flagged


def test_pairs_of_attributes_are_counted_as_one_group_each(workshop):
    declare(workshop, "sex", "hour")
    heard = ask(workshop, "fairness.intersections", SHARE | BANDS)
    test, _, flagged = plain(workshop)
    sex, late = test["sex"].to_numpy(), test["hour"].to_numpy() >= 12
    kept = [1 - flagged[(sex == s) & (late == h)].mean() for s in (0, 1) for h in (False, True)]
    assert heard.outcome is Outcome.PASS
    ratio = heard.metrics["favourable_ratio[sex × hour]"]
    assert ratio.value == pytest.approx(min(kept) / max(kept))
    assert heard.metrics["covered[sex × hour]"].value == 1
    alone = [flagged[late == h].mean() for h in (False, True)]
    men = [flagged[sex == s].mean() for s in (0, 1)]
    hidden = (max(kept) - min(kept)) - max(np.ptp(alone), np.ptp(men))
    assert heard.metrics["hidden_gap[sex × hour]"].value == pytest.approx(hidden)
    names = [row["group"] for row in heard.findings[-1].facts["groups"]]
    assert names == ["0 × < 12", "0 × ≥ 12", "1 × < 12", "1 × ≥ 12"]


def test_what_each_attribute_hides_shows_in_the_pair(workshop):
    # Young women and old men are flagged: even by sex, even by age.
    declare(workshop, "sex", "age")
    test = payments(4000, 5)
    rng = np.random.default_rng(0)
    sex, age = rng.integers(0, 2, 4000), rng.integers(0, 2, 4000)
    risk = np.where(sex == age, 0.99, 0.01)
    workshop.put("test", test.with_columns(sex=pl.Series(sex), age=pl.Series(age), risk=risk))
    heard = ask(workshop, "fairness.intersections", SHARE)
    hidden = heard.metrics["hidden_gap[sex × age]"]
    assert hidden.low > 0.1


def test_small_pairs_are_left_out_and_named_without_counts(workshop):
    declare(workshop, "sex", "hour")
    heard = ask(workshop, "fairness.intersections", SHARE | {"bands": {"hour": [12, 23]}})
    assert heard.metrics["covered[sex × hour]"].value < 1
    facts = heard.findings[-1].facts
    assert facts["left_out"] == ["0 × ≥ 23", "1 × ≥ 23"]
    assert len(facts["groups"]) == 4


def test_with_one_attribute_its_own_groups_are_compared(workshop):
    heard = ask(workshop, "fairness.intersections", SHARE)
    assert "favourable_ratio[sex]" in heard.metrics
    assert "hidden_gap[sex]" not in heard.metrics


def test_errors_in_money_are_those_of_plain_sums(workshop):
    settings = SHARE | {"declined_share": 0.1, "declined_each": 2.0, "missed_each": 5.0}
    heard = ask(workshop, "fairness.costs", settings)
    test, _, flagged = plain(workshop)
    amount, fraud = test["amount"].to_numpy(), test["fraud"].to_numpy() == 1
    declined, cost = [], []
    for sex in (0, 1):
        mine = test["sex"].to_numpy() == sex
        wrong, missed = mine & flagged & ~fraud, mine & ~flagged & fraud
        declined.append(amount[wrong].sum() / amount[mine & ~fraud].sum())
        errors = 0.1 * amount[wrong].sum() + 2 * wrong.sum()
        errors += amount[missed].sum() + 5 * missed.sum()
        cost.append(errors / amount[mine].sum())
    gap = heard.metrics["declined_gap[sex]"]
    assert gap.value == pytest.approx(abs(declined[0] - declined[1]))
    assert gap.low <= gap.value < gap.high
    assert heard.metrics["cost[sex]"].value == pytest.approx(max(cost))
    assert [y for _, y in heard.curves["cost[sex]"].points] == pytest.approx(cost)
    assert heard.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({"amount": pl.lit(-1.0)}, {}, "negative"),
        ({"amount": pl.lit(None, pl.Float64)}, {}, "missing"),
        ({"paid_amount": pl.lit(1.0)}, {}, "2 columns"),
        ({"amount": pl.col("amount")}, {"amount": "nothing"}, "nothing is no column"),
    ],
)
def test_money_that_is_not_known_is_a_clear_error(workshop, change, settings, words):
    workshop.put("test", workshop.frame("test").with_columns(**change))
    with pytest.raises(InputError, match=words):
        ask(workshop, "fairness.costs", settings)


def test_a_score_that_means_less_for_a_group_shows(workshop):
    # Half of group 1's frauds never happened: its scores foretell twice as many as there are.
    test = payments(4000, 5)
    rng = np.random.default_rng(0)
    gone = (test["sex"].to_numpy() == 1) & (rng.random(4000) < 0.5)
    honest = ask(workshop, "fairness.calibration").metrics["oe_ratio[sex]"]
    workshop.put("test", test.with_columns(fraud=np.where(gone, 0, test["fraud"].to_numpy())))
    heard = ask(workshop, "fairness.calibration")
    ratio = heard.metrics["oe_ratio[sex]"]
    assert ratio.value == pytest.approx(0.5, abs=0.12)
    assert ratio.high < 0.75 < honest.value
    table = heard.findings[-1].facts["groups"]
    assert 0 < table[0]["ece_by_chance"] < table[1]["ece"]
    assert "for 1 0." in heard.findings[-1].message


def told(heard, rate: str) -> str:
    """What the check says of the trend of one rate."""
    return next(f.message for f in heard.findings if f": {rate} of" in f.message)


def test_a_group_that_is_flagged_more_and_more_is_named_and_a_steady_one_is_not(workshop):
    test = payments(6000, 5)
    steady = ask(workshop, "fairness.drift", SHARE)
    assert steady.metrics["change[sex, selection]"].low == 0
    assert "no trend is significant" in told(steady, "selection")
    women = test["sex"].to_numpy() == 1
    late = np.arange(6000) / 6000
    risk = np.where(women, late, 0.5)
    workshop.put("test", test.with_columns(risk=risk))
    heard = ask(workshop, "fairness.drift", SHARE)
    change = heard.metrics["change[sex, selection]"]
    assert change.low > 0.02
    assert "significant for 0, 1" in told(heard, "selection")
    curve = heard.curves["selection[sex=0] less that of the others"]
    assert len(curve.points) == len(curve.band) == 6
    assert curve.points[0][1] > curve.points[-1][1]


def test_windows_of_dates_hold_whole_days(workshop):
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=i // 500) for i in range(1500)]
    workshop.put("test", workshop.frame("test").with_columns(time=pl.Series(days)))
    heard = ask(workshop, "fairness.drift", SHARE | {"min_rows": 20})
    assert len(heard.curves["selection[sex=0] less that of the others"].points) == 3


def test_without_a_time_column_drift_cannot_be_told(workshop):
    declare(workshop, "sex", time=None)
    with pytest.raises(InputError, match="no time column"):
        ask(workshop, "fairness.drift")


@pytest.mark.parametrize("name", EVERY)
def test_no_attribute_a_missing_one_and_tiny_groups_are_unknown(workshop, name):
    declare(workshop)
    assert ask(workshop, name).broken == {"no_attribute"}
    declare(workshop, "nobody")
    assert ask(workshop, name).broken == {"missing_attribute"}
    declare(workshop, "branch")
    branches = pl.Series(np.arange(1500) % 50)
    workshop.put("test", workshop.frame("test").with_columns(branch=branches))
    assert ask(workshop, name, {"max_levels": 60}).broken == {"too_small"}


@pytest.mark.parametrize("name", EVERY)
def test_one_class_only_is_no_pass(workshop, name):
    workshop.put("test", workshop.frame("test").with_columns(fraud=pl.lit(0, pl.Int8)))
    assert ask(workshop, name).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("name", DECIDING)
def test_a_model_that_flags_nobody_is_measured_all_the_same(workshop, name):
    heard = ask(workshop, name, {"threshold": 1.0, "min_labelled": 5})
    assert heard.outcome is Outcome.PASS
    # A fraud that is missed costs its amount, which may differ between groups.
    told = ("tpr_gap", "fpr_gap", "declined_gap", "missed_gap", "change")
    gaps = [m.value for m in heard.metrics.values() if m.name.startswith(told)]
    assert len(gaps) >= 2
    assert max(gaps) == 0
