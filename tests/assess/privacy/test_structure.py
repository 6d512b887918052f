"""privacy.structure: what the build of a model gives away."""

from __future__ import annotations

import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from strongroom.assess.attacks.structure import insides_of, score_classes
from strongroom.assess.models import Scorer
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES

CHECK = "privacy.structure"


def put(workshop, model):
    frame = workshop.frame("train")
    model.fit(frame.select(FEATURES).to_numpy().astype(float), frame["fraud"].to_numpy())
    skops.io.dump(model, workshop.folder / "model.skops")
    raw = workshop.manifest
    raw["model"]["path"] = "model.skops"
    workshop.write(raw)
    return workshop.load()


def test_an_ordinary_booster_passes_with_its_figures(workshop):
    heard = ask(workshop.load(), CHECK)
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["parameters"].value == 3 * 7 * 30 - 2 * 30
    assert heard.metrics["smallest_leaf"].value >= 5
    assert 0 <= heard.metrics["below_k"].value <= 1
    assert heard.curves["rows that share a score"].points[-1][1] <= 1


def test_leaves_of_one_person_fail(workshop):
    heard = ask(put(workshop, RandomForestClassifier(5, random_state=0)), CHECK)
    assert heard.broken == {"tiny_leaves"}
    assert heard.metrics["smallest_leaf"].value == 1
    assert heard.metrics["freedom"].value < 1


def test_a_tree_that_separates_its_training_rows_discloses_their_labels(workshop):
    heard = ask(put(workshop, DecisionTreeClassifier(random_state=0)), CHECK)
    assert heard.metrics["disclosed"].value == pytest.approx(
        workshop.frame("train")["fraud"].mean()
    )


def test_a_linear_model_in_a_pipeline_has_as_many_parameters_as_columns(workshop):
    heard = ask(put(workshop, make_pipeline(StandardScaler(), LogisticRegression())), CHECK)
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["parameters"].value == len(FEATURES) + 1
    assert "smallest_leaf" not in heard.metrics


def test_models_that_keep_rows_are_told_by_kind_and_unknown_families_say_little():
    from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415 - the one use

    x, y = np.random.default_rng(0).random((40, 2)), np.arange(40) % 2
    kept = KNeighborsClassifier().fit(x, y)
    assert insides_of(Scorer("sklearn", 2, kept.predict_proba, kept), x).keeps_rows
    assert insides_of(Scorer("onnx", 2, lambda rows: rows[:, 0]), x).parameters is None
    trees = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(x, y), 3)
    inside = insides_of(Scorer("xgboost", 2, lambda rows: rows[:, 0], trees), x)
    assert inside.least_leaf == 1
    assert inside.parameters


def test_scores_that_differ_less_than_anybody_sees_are_one_class():
    made = score_classes(np.array([0.5, 0.5 + 1e-9, 0.7]), np.array([1, 0, 1]), 1e-6)
    assert made.rows.tolist() == [2, 1]
    assert made.flagged.tolist() == [1, 1]
