"""Training under differential privacy keeps to its budget, and its claim is tried out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from strongroom.assess.dp.audit import epsilon_at_least, refuted
from strongroom.assess.dp.bounds import bounds_use, private_bounds
from strongroom.assess.dp.ledger import Budget, PrivacyLedger
from strongroom.assess.dp.mechanisms import Use, noise_for, spent
from strongroom.assess.dp.training import Plan, train_privately
from strongroom.assess.dp.trial import try_out
from strongroom.assess.models import open_scorer
from strongroom.cli.privacy import app
from strongroom.domain.digests import sha256
from strongroom.domain.errors import DeniedError, InputError
from strongroom.testing.systems import FEATURES

DATA = sha256(b"rows")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4_000, 3)) * [1, 100, 0.01] + [0, 500, 0]
Y = (X[:, 0] + (X[:, 1] - 500) / 100 + RNG.normal(size=4_000) > 0).astype(np.int8)


def trained(kind, epsilon=3.0, x=X, y=Y, spend=lambda _: None, **more):
    return train_privately(Plan(kind, epsilon, **more), x, y, spend, np.random.default_rng(1))


@pytest.mark.parametrize("kind", ["linear", "net"])
def test_a_private_model_learns_and_says_what_it_cost(kind):
    if kind == "net":
        pytest.importorskip("opacus", reason="needs `make torch`")
    told = []
    model = trained(kind, spend=told.extend, epochs=3)
    scorer = model.scorer()
    assert roc_auc_score(Y, scorer.score(X)) > 0.85
    assert told == list(model.uses)
    total = spent(told, 1e-5)
    assert total <= 3.0
    if kind == "linear":
        # Laplace noise costs less than its epsilon once a delta is allowed; training does not.
        assert total > 2.6
    missing = X[:5].copy()
    missing[:, 1] = np.nan
    assert np.isfinite(scorer.score(missing)).all()


def test_past_the_budget_nothing_is_recorded_nor_looked_at(home):
    ledger = PrivacyLedger(home)
    ledger.set_budget(DATA, Budget(1.0, 1e-5), system="fraud")

    def spend(uses):
        return ledger.spend(DATA, *uses, system="fraud", purpose="training")

    class Untouched(np.ndarray):
        def __array_ufunc__(self, *_args, **_how):
            raise AssertionError("the rows were looked at")

    with pytest.raises(DeniedError, match="epsilon would be"):
        trained("linear", 3.0, x=X.view(Untouched), spend=spend)
    assert ledger.account(DATA).uses == ()
    trained("linear", 0.9, spend=spend)
    assert len(ledger.account(DATA).uses) == 2
    assert 0.8 < ledger.account(DATA).epsilon <= 0.9
    assert ledger.data_sets() == (DATA,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": math.nan},
        {"epsilon": math.inf},
        {"epsilon": True},
        {"delta": 0},
        {"delta": 1},
        {"scaling": 0},
        {"scaling": 1},
        {"kind": "forest"},
        {"hidden": (8,)},
        {"kind": "net", "hidden": (0,)},
        {"batch": 1},
        {"clip": 0},
        {"rate": math.nan},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError):
        Plan(**{"kind": "linear", "epsilon": 1.0} | wrong)


def test_few_rows_one_class_and_a_delta_that_publishes_a_row_are_refused():
    with pytest.raises(InputError, match="rows of"):
        trained("linear", x=X[:50], y=Y[:50])
    with pytest.raises(InputError, match="one class"):
        trained("linear", y=np.zeros(len(X), dtype=np.int8))
    with pytest.raises(InputError, match="published whole"):
        Plan("net", 1.0, delta=0.01).uses(4_000, 3)


def test_bounds_hold_what_many_have_and_not_what_one_has():
    rows = X.copy()
    rows[0] = 1e12
    rows[1, 2] = np.nan
    found = private_bounds(rows, 3.0, np.random.default_rng(2))
    assert (found.low <= np.quantile(X, 0.02, axis=0)).all()
    assert (found.high >= np.quantile(X, 0.98, axis=0)).all()
    assert (found.high < 1e6).all()
    scaled = found.scaled(rows)
    assert np.abs(scaled).max() == 1
    assert scaled[1, 2] == 0
    use = bounds_use(3, 0.5)
    assert use.times == 3
    assert spent([use], 1e-9) == pytest.approx(0.5, rel=0.01)


def test_the_noise_that_is_found_is_enough_and_hardly_more():
    noise = noise_for(0.02, 10, 1.0, 1e-5)
    assert 0.95 < spent([_steps(noise)], 1e-5) <= 1.0


def _steps(noise):
    return Use("sampled_gaussian", {"noise_multiplier": noise, "sampling": 0.02}, 10)


def test_a_claim_that_training_does_not_keep_is_refuted_and_one_that_it_keeps_is_not():
    def careless(x, y):
        return lambda rows: LogisticRegression(C=100).fit(x, y).predict_proba(rows)[:, 1]

    counts = try_out(careless, 120, np.random.default_rng(3))
    assert refuted(0.5, counts, 1e-5)

    def careful(x, y):
        return trained("linear", 0.5, x=x, y=y).scorer().score

    assert epsilon_at_least(try_out(careful, 40, np.random.default_rng(3)), 1e-5) <= 0.5
    with pytest.raises(InputError, match="runs"):
        try_out(careless, 10, np.random.default_rng(3))


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_the_commands_keep_a_budget_record_uses_and_refuse(workshop, tmp_path, home):
    data, to = workshop.folder / "train.parquet", ("--home", home.folder)
    about = ("--system", "fraud", *to)
    home.close()
    assert run("show", *to).exit_code == 2
    denied = run("spend", data, "stated", "epsilon=1", "delta=0", "--purpose", "table", *about)
    assert isinstance(denied.exception, DeniedError)
    assert run("budget", data, "--epsilon", 2, "--delta", 1e-5, *about).exit_code == 0
    spending = ("spend", data, "stated", "epsilon=0.5", "delta=0", "--purpose", "table")
    assert run(*spending, *about).exit_code == 0
    out = tmp_path / "model"
    trained = ("train", workshop.folder, "--out", out, *to)
    assert run(*trained, "--epsilon", 1).exit_code == 0
    model = open_scorer(out.with_suffix(".skops"), n_features=4)
    frame = workshop.frame("test")
    scores = model.score(frame.select(FEATURES).to_numpy().astype(float))
    assert ((scores >= 0) & (scores <= 1)).all()  # its noise is drawn anew: no figure is sure
    again = run(*trained, "--epsilon", 1)
    assert isinstance(again.exception, DeniedError)
    told = json.loads(run("show", data, "--format", "json", *to).stdout)
    (account,) = told.values()
    assert account["budget"] == {"delta": 1e-5, "epsilon": 2.0}
    assert 1.3 < account["epsilon"] < 1.5
    assert [use["mechanism"] for use in account["uses"]] == ["stated", "laplace", "stated"]
    for wrong in (("--epsilon", 0), ("--epsilon", -1), ("--epsilon", 1, "--kind", "forest")):
        assert isinstance(run(*trained, *wrong).exception, InputError)


def test_the_audit_says_what_it_found():
    done = run("audit", "--epsilon", 3, "--runs", 40, "--format", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["refuted"] is False
    assert isinstance(run("audit", "--epsilon", 0).exception, InputError)
