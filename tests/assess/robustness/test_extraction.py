"""robustness.extraction: a copy that is worth something is told from one that is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strongroom.assess.attacks.extraction import Own, copy_by, likeness
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "robustness.extraction"
QUICK = {"budgets": [200, 2_000], "replicates": 100, "inputs": ["in_distribution", "uniform"]}


def test_more_queries_and_scores_buy_a_better_copy(workshop):
    heard = ask(workshop.load(), CHECK, {**QUICK, "price_per_query": 0.01})
    assert heard.outcome is Outcome.PASS
    least = heard.metrics["f1[labels,uniform,200]"]
    assert heard.metrics["f1[scores,in_distribution,2000]"].value > least.value
    assert heard.metrics["f1"].value == max(
        m.value for name, m in heard.metrics.items() if name.startswith("f1[")
    )
    assert heard.metrics["auc_ratio"].value > 0.9
    assert heard.metrics["cost[2000]"].value == 20
    assert heard.metrics["days[2000]"].value == pytest.approx(2_000 / 60 / 24 / 60)
    assert {"rounding", "noise", "top1", "budget"} <= {
        name[11:-1] for name in heard.metrics if name.startswith("defence.f1")
    }
    assert len(heard.curves) == 4


def test_active_questions_keep_to_the_budget_and_runs_repeat(workshop):
    settings = {**QUICK, "budgets": [400], "inputs": ["active"], "answers": ["labels"]}
    first, second = (ask(workshop.load(), CHECK, settings) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.metrics["f1"].n == 750
    assert first.findings[-1].facts["queries"] == 400


def test_a_copy_that_flags_nothing_agrees_and_is_worth_nothing():
    rng = np.random.default_rng(0)
    victim = rng.random(2_000)
    labels = (victim > 0.98).astype(int)
    made = likeness(victim, np.zeros(2_000), (0.98, 0.5), labels, rng, 100)
    assert made.agreement > 0.95
    assert made.f1 == 0
    assert made.auc_ratio == pytest.approx(0.5)
    same = likeness(victim, victim, (0.98, 0.98), labels, rng, 100)
    assert (same.f1, same.auc_ratio, same.agreement) == (1, 1, 1)


def test_questions_keep_to_what_the_thief_knows():
    rows = np.array([[0.0, np.nan], [1.0, np.nan], [2.0, np.nan]])
    rng = np.random.default_rng(0)
    for draw in (Own(rows).in_distribution, Own(rows).marginal, Own(rows).uniform):
        made = draw(50, rng)
        assert made.shape == (50, 2)
        assert made[:, 0].min() >= 0
        assert made[:, 0].max() <= 2
        assert np.isnan(made[:, 1]).all()


def test_a_copy_of_answers_that_never_flag_flags_nothing():
    x = np.random.default_rng(0).random((300, 2))
    made = copy_by(x, np.zeros(300), np.zeros(300, dtype=bool), 0)
    assert not (made.score(x) >= made.threshold).any()


def test_out_of_time_and_nothing_flagged_are_unknown(workshop):
    late = ask(workshop.load(), CHECK, {**QUICK, "seconds": 1e-9})
    assert late.outcome is Outcome.UNKNOWN
    assert late.rules == ("out_of_time", "no_reference")
    workshop.put("test", workshop.frame("test").with_columns(pl.lit(1).alias("fraud")))
    with pytest.raises(InputError, match="no negatives"):
        ask(workshop.load(), CHECK, QUICK)
    workshop.put("test", workshop.frame("test").with_columns(pl.lit(0).alias("fraud")))
    assert ask(workshop.load(), CHECK, QUICK).rules == ("nothing_to_copy",)


def test_few_rows_are_refused(workshop):
    workshop.put("test", workshop.frame("test").head(20))
    with pytest.raises(InputError, match="20 test rows"):
        ask(workshop.load(), CHECK, QUICK)
