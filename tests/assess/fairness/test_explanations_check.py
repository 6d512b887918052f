"""fairness.explanations, on a real model."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES

CHECK = "fairness.explanations"
FEW = {"flag_share": 0.1, "rows": 60, "retrained": 1, "replicates": 100}


def worded(workshop, **texts: str) -> dict:
    """Settings that name a file with words for every feature."""
    words = {name: f"Words of {name}" for name in FEATURES} | texts
    lines = ["version = 1", "[reasons]", *(f'{k} = "{v}"' for k, v in words.items())]
    path = workshop.folder / "reasons.toml"
    path.write_text("\n".join(lines), "utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return FEW | {"words": {"path": "reasons.toml", "sha256": digest}}


def test_declines_are_explained_again_and_put_into_words(workshop):
    heard = ask(workshop, CHECK, worded(workshop))
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["additivity_gap"].value < 1e-9
    assert heard.metrics["worded"].value == 1
    assert heard.metrics["reasonless"].value == 0
    assert heard.metrics["kept[noise]"].value > heard.metrics["kept[retrained]"].value > 0.5
    importance = heard.findings[0].facts["importance"]
    assert min(importance, key=importance.get) == "count_1d"
    assert set(heard.findings[-1].facts["reasons"]) <= {f"Words of {name}" for name in FEATURES}


def test_the_same_seed_gives_the_same_figures_and_just_passed_is_another_reference(workshop):
    one, again = ask(workshop, CHECK, FEW), ask(workshop, CHECK, FEW)
    other = ask(workshop, CHECK, FEW | {"reference": "just_passed"})
    assert one.metrics == again.metrics
    assert one.metrics["worded"].value == 0
    assert one.findings[-1].facts["reasons"] != other.findings[-1].facts["reasons"]


def test_words_that_say_nothing_fail(workshop):
    heard = ask(workshop, CHECK, worded(workshop, risk="Your risk score is too high"))
    assert heard.broken == {"vague_words"}
    assert "risk" in heard.findings[-1].message


def test_another_file_of_words_than_the_manifests_is_refused(workshop):
    settings = worded(workshop)
    worded(workshop, risk="Something else")
    with pytest.raises(InputError, match="another file") as caught:
        ask(workshop, CHECK, settings)
    assert "sha256" in str(caught.value.where)


def test_words_outside_the_folder_are_refused(workshop):
    settings = FEW | {"words": {"path": "../reasons.toml", "sha256": "0" * 64}}
    with pytest.raises(InputError):
        ask(workshop, CHECK, settings)


def test_a_sensitive_attribute_among_the_reasons_is_counted(workshop):
    manifest = workshop.manifest
    manifest["data"]["schema"]["sensitive"] = ["hour"]
    workshop.write(manifest)
    assert ask(workshop, CHECK, FEW).metrics["sensitive_reasons"].value > 0.3


def test_a_model_that_flags_nobody_has_nothing_to_explain(workshop):
    with pytest.raises(InputError, match="flags nobody"):
        ask(workshop, CHECK, {"threshold": 1.0})


def test_training_rows_of_one_class_make_no_model_anew(workshop):
    workshop.put("train", workshop.frame("train").with_columns(fraud=pl.lit(0, pl.Int8)))
    with pytest.raises(InputError, match="one class"):
        ask(workshop, CHECK, FEW)
