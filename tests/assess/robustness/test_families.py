"""The three attacks run on every family of models, and the shadows say what they are."""

from __future__ import annotations

import joblib
import pytest
import xgboost
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import FEATURES


def xgboost_json(x, y, path):
    settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    xgboost.train(settings, xgboost.DMatrix(x, y), 20).save_model(path)


def sklearn_joblib(x, y, path):
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), path)


def onnx(x, y, path):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    made = to_onnx(model, x[:1].astype("float32"), options={"zipmap": False})
    path.write_bytes(made.SerializeToString())


@pytest.mark.parametrize(
    ("write", "name", "note"),
    [
        (xgboost_json, "model.json", "20 rounds"),
        (sklearn_joblib, "model.joblib", "cloned from the Pipeline"),
        (onnx, "model.onnx", "Shadows of another kind"),
    ],
)
def test_every_family_can_be_attacked(workshop, write, name, note):
    train = workshop.frame("train")
    x, y = train.select(FEATURES).to_numpy().astype(float), train["fraud"].to_numpy()
    write(x, y, workshop.folder / name)
    manifest = workshop.manifest
    manifest["model"]["path"] = name
    workshop.write(manifest)
    loaded = workshop.load()
    evasion = ask(loaded, "robustness.evasion_budget", {"target_fpr": 0.05})
    assert evasion.metrics["success[payer]"].value > 0
    groups = ask(loaded, "fairness.groups", {"threshold": 0.15})
    assert "tpr_ratio[sex]" in groups.metrics
    leak = ask(loaded, "privacy.membership", {"shadows": 4, "replicates": 100})
    assert leak.outcome is Outcome.PASS
    assert note in leak.findings[-1].message
