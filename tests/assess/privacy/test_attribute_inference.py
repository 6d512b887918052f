"""privacy.attribute_inference: a model that tells an attribute, and one that does not."""

from __future__ import annotations

import lightgbm
import numpy as np
import polars as pl

from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES

CHECK = "privacy.attribute_inference"


def test_a_model_that_does_not_read_the_attribute_gives_no_lift(workshop):
    heard = ask(workshop.load(), CHECK)
    assert heard.outcome is Outcome.PASS
    lift = heard.metrics["lift[sex]"]
    assert lift.low <= 0.03
    assert lift.low <= lift.value <= lift.high
    assert heard.metrics["accuracy_prior[sex]"].n == 1500


def test_a_model_whose_score_is_the_attribute_is_seen_to_tell_it(workshop):
    """Sex decides who is flagged, is read by the model, and is in no other column."""
    rng = np.random.default_rng(0)
    for table in "train", "test":
        frame = workshop.frame(table)
        fraud = (frame["sex"].to_numpy() == 1) & (rng.random(frame.height) < 0.95)
        workshop.put(
            table, frame.with_columns(risk=frame["sex"] * 1.0, fraud=fraud.astype(np.int8))
        )
    frame = workshop.frame("train")
    data = lightgbm.Dataset(frame.select(FEATURES).to_numpy(), label=frame["fraud"].to_numpy())
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "max_depth": 2}
    lightgbm.train(params, data, 10).save_model(workshop.folder / "model.txt")
    # The attacker lacks `risk` as well as `sex` when risk is what he guesses.
    heard = ask(workshop.load(), CHECK, {"attributes": ["risk"]})
    assert heard.metrics["accuracy[risk]"].low > 0.95
    assert heard.metrics["lift[risk]"].low > 0.0
    assert heard.metrics["lift_unseen[risk]"].low > 0.0


def test_numbers_are_guessed_in_bands_and_texts_by_level(workshop):
    for table in "train", "test":
        frame = workshop.frame(table)
        words = pl.when(pl.col("sex") == 1).then(pl.lit("f")).otherwise(pl.lit("m"))
        workshop.put(table, frame.with_columns(word=words))
    heard = ask(workshop.load(), CHECK, {"attributes": ["amount", "word"]})
    assert 0.2 < heard.metrics["accuracy_prior[amount]"].value < 0.32
    assert "lift[word]" in heard.metrics


def test_what_cannot_be_guessed_is_unknown(workshop):
    for attributes, rule in (([], "no_attribute"), (["no such"], "not_guessed")):
        heard = ask(workshop.load(), CHECK, {"attributes": attributes})
        assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, (rule,))
    workshop.put("test", workshop.frame("test").with_columns(sex=pl.lit(1)))
    assert ask(workshop.load(), CHECK).rules == ("not_guessed",)
    workshop.put("test", workshop.frame("train").head(60))
    assert ask(workshop.load(), CHECK).rules == ("too_few_rows",)
