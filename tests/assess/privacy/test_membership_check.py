"""privacy.membership, on real models: one that memorises, one that cannot."""

from __future__ import annotations

import lightgbm
import polars as pl
import pytest

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES

CHECK = "privacy.membership"
QUICK = {"shadows": 8, "max_rows": 3_000, "replicates": 200}


def train(workshop, rounds: int, **params) -> None:
    """Put another model in the workshop's place."""
    frame = workshop.frame("train")
    data = lightgbm.Dataset(frame.select(FEATURES).to_numpy(), label=frame["fraud"].to_numpy())
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 3}
    booster = lightgbm.train({**fixed, **params}, data, num_boost_round=rounds)
    booster.save_model(workshop.folder / "model.txt")


def test_a_model_that_memorises_is_seen_to_leak(workshop):
    train(workshop, 150, num_leaves=63, min_data_in_leaf=2, learning_rate=0.2)
    heard = ask(workshop.load(), CHECK, QUICK)
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["auc"].low > 0.7
    assert heard.metrics["tpr@fpr=0.01"].low > 0.03
    assert heard.metrics["recipe.auc"].low > 0.7
    assert abs(heard.metrics["shift_control.auc"].value - 0.5) < 0.05
    assert "rely on" not in heard.findings[-1].message
    assert heard.curves["roc"].points[-1] == (1.0, 1.0)


def test_a_model_too_plain_to_memorise_gives_chance(workshop):
    train(workshop, 3, num_leaves=2, min_data_in_leaf=300)
    heard = ask(workshop.load(), CHECK, QUICK)
    assert heard.metrics["auc"].low < 0.54
    assert heard.metrics["tpr@fpr=0.01"].low <= 0.02
    assert heard.metrics["tpr@fpr=0.01"].high > heard.metrics["tpr@fpr=0.01"].value


def test_the_most_exposed_rows_are_named_by_number_only(workshop):
    heard = ask(workshop.load(), CHECK, {**QUICK, "exposed": 5})
    rows = heard.findings[-1].facts["most_exposed_training_rows"]
    assert len(set(rows)) == 5
    assert all(isinstance(row, int) and 0 <= row < 1500 for row in rows)


def test_the_same_seed_gives_the_same_figures(workshop):
    quick = {**QUICK, "shadows": 4}
    assert ask(workshop.load(), CHECK, quick).metrics == ask(workshop.load(), CHECK, quick).metrics


def test_a_difference_between_training_and_test_data_is_not_taken_for_a_leak(workshop):
    """Test rows of another kind are told from training rows by any model, memory or not."""
    test = workshop.frame("test")
    workshop.put("test", test.with_columns(amount=pl.col("amount") * 3 + 100, risk=pl.lit(0.9)))
    train(workshop, 100, num_leaves=31, min_data_in_leaf=5)
    heard = ask(workshop.load(), CHECK, QUICK)
    assert abs(heard.metrics["shift_control.auc"].value - 0.5) > 0.1
    assert "rely on recipe.*" in heard.findings[-1].message


def test_few_rows_say_so_instead_of_claiming_a_rate_they_cannot_show(workshop):
    workshop.put("test", workshop.frame("test").head(500))
    heard = ask(workshop.load(), CHECK, QUICK)
    assert heard.outcome is Outcome.UNKNOWN
    assert "tpr@fpr=0.001" not in heard.metrics
    assert "tpr@fpr=0.01" in heard.metrics
    workshop.put("test", workshop.frame("test").head(20))
    with pytest.raises(InputError, match="of the rarer label"):
        ask(workshop.load(), CHECK, QUICK)


def test_one_class_only_is_a_clear_error(workshop):
    for name in "train", "test":
        workshop.put(name, workshop.frame(name).with_columns(fraud=pl.lit(0)))
    with pytest.raises(InputError, match="0 of the rarer label"):
        ask(workshop.load(), CHECK, QUICK)


def test_out_of_time_is_unknown(workshop):
    heard = ask(workshop.load(), CHECK, {**QUICK, "seconds": 1e-9})
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, ("out_of_time",))


def test_shadows_smaller_than_the_model_are_admitted(workshop):
    heard = ask(workshop.load(), CHECK, {**QUICK, "max_rows": 400, "shadow_rows": 500})
    assert heard.findings[-1].facts["shadow_rows"] == 500
    assert "Shadows saw 500 rows where the model saw 1500" in heard.findings[-1].message


@pytest.mark.parametrize("settings", [{"shadows": 5}, {"shadows": 2}, {"max_rows": 10}])
def test_a_senseless_setting_is_named(workshop, settings):
    with pytest.raises(InputError, match=r"settings\.privacy\.membership"):
        ask(workshop.load(), CHECK, settings)
