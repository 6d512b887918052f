"""The whole way: card, keys, request, answer, decision; and bytes that lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("tenseal", reason="needs the private extra")

from strongroom.domain.errors import (
    DeniedError,
    InputError,
    IntegrityError,
    LimitError,
)
from strongroom.home.home import Home
from strongroom.homomorphic import scoring
from strongroom.homomorphic.ckks import MAX_CIPHERTEXT, ClientKeys, Evaluator
from strongroom.homomorphic.fitting import at_threshold, fit
from strongroom.homomorphic.models import Card, SecretModel
from strongroom.homomorphic.parameters import STANDARD_CHOICE, Parameters
from strongroom.homomorphic.requests import Answer, Request
from strongroom.payments.features import FEATURES, with_features
from strongroom.payments.simulator import SimulatorSettings, simulate

SHARED = Path(__file__).parents[2].parent / "shared/data/tabular"
BOUND = 1e-3


@pytest.fixture(scope="session")
def payments():
    """Features (n, 15) and fraud of simulated payments."""
    settings = SimulatorSettings(customers=150, terminals=300, days=60, seed=3)
    table = with_features(simulate(settings)).tail(6000)
    return table.select(FEATURES).to_numpy().astype(float), table["fraud"].to_numpy()


@pytest.fixture(scope="session")
def model(payments) -> SecretModel:
    x, y = payments
    return fit(x[:3000], y[:3000], FEATURES, units=4, flagged=0.05, seed=0)


@pytest.fixture(scope="session")
def keys() -> ClientKeys:
    return ClientKeys.make(STANDARD_CHOICE)


@pytest.fixture(scope="session")
def request_(keys, model, payments) -> Request:
    return scoring.ask(keys, model.card, payments[0][3000:5000])


@pytest.fixture(scope="session")
def answer_(model, request_) -> Answer:
    return scoring.answer(model, request_, np.random.default_rng(0), BOUND)


def agreement(keys, model, answer, x):
    """Whether ciphertext decides as plain does, and the largest error of a logit."""
    found = scoring.decide(keys, model.card, answer)
    plain = model.logits(model.card.inputs(x))
    return found, (plain > model.threshold) == found.flagged, np.abs(found.logits - plain).max()


def test_every_simulated_payment_is_decided_as_in_plain(keys, model, answer_, payments):
    found, same, error = agreement(keys, model, answer_, payments[0][3000:5000])
    assert same.all()
    assert error <= found.error < BOUND
    assert 0 < found.flagged.sum() < 2000
    assert not found.undecided.any()


def test_a_row_on_the_threshold_is_called_undecided(keys, model, answer_, payments):
    logit = float(model.logits(model.card.inputs(payments[0][3000:3001]))[0])
    card = at_threshold(model, logit).card
    found = scoring.decide(keys, card, replace(answer_, model=card.model))
    assert found.undecided[0]
    assert found.undecided.sum() == 1


def test_what_is_sent_holds_no_secret_key(keys, model, request_):
    public = Request.from_bytes(request_.to_bytes(), where="x").context
    with pytest.raises(InputError, match="not secret keys"):
        ClientKeys.from_secret(public, STANDARD_CHOICE)
    assert ClientKeys.from_secret(keys.secret(), STANDARD_CHOICE)


def test_a_scorer_that_is_sent_a_secret_key_says_so(keys, model):
    with pytest.raises(InputError, match="a secret key was sent"):
        Evaluator(model, keys.secret(), STANDARD_CHOICE)


def test_others_keys_do_not_open_an_answer(model, answer_):
    other = ClientKeys.make(STANDARD_CHOICE)
    found = scoring.decide(other, model.card, answer_)
    assert np.abs(found.logits).max() > 1e6  # noise, and nothing of the answer


def test_keys_are_refused_for_parameters_that_would_lie(model):
    with pytest.raises(DeniedError, match="an error of"):
        scoring.make_keys(
            model.card, Parameters(8192, (40, 21, 21, 40), 21), np.random.default_rng(0), BOUND
        )


def test_a_request_with_other_parameters_than_it_says_is_refused(model, request_):
    claimed = replace(request_, parameters=Parameters(8192, (60, 39, 39, 60), 39))
    with pytest.raises(InputError, match="a context of"):
        scoring.answer(model, claimed, np.random.default_rng(0), BOUND)


def test_a_request_for_another_model_is_refused(model, request_):
    with pytest.raises(InputError, match="another model"):
        scoring.answer(at_threshold(model, 9.0), request_, np.random.default_rng(0), BOUND)


def test_keys_come_back_from_the_sealed_file_and_from_no_other(tmp_path, keys, model, answer_):
    path = tmp_path / "keys"
    with Home.open(tmp_path / "home", create=True) as home:
        scoring.save_keys(home, keys, model.card, path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert keys.secret()[:64] not in path.read_bytes()
        opened = scoring.load_keys(home, model.card, path)
        same = scoring.decide(opened, model.card, answer_).logits
        assert np.array_equal(same, scoring.decide(keys, model.card, answer_).logits)
        with pytest.raises(DeniedError, match="there already"):
            scoring.save_keys(home, keys, model.card, path)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(IntegrityError):
            scoring.load_keys(home, model.card, path)


def test_hostile_ciphertext_is_refused_and_breaks_nothing(model, request_):
    rng = np.random.default_rng(1)
    evaluator = Evaluator(model, request_.context, STANDARD_CHOICE)
    good = list(request_.batches[0])
    refused = 0
    for _ in range(40):
        bad = bytearray(good[0])
        for place in rng.integers(0, rng.choice([60, len(bad)]), 3):
            bad[place] ^= 1 << int(rng.integers(8))
        try:
            evaluator._model.card.to_bytes()
            evaluator.evaluate([bytes(bad), *good[1:]])
        except InputError:
            refused += 1
    assert refused > 10
    with pytest.raises(LimitError):
        evaluator.evaluate([bytes(MAX_CIPHERTEXT + 1), *good[1:]])
    with pytest.raises(InputError, match="14 ciphertexts, 15 features"):
        evaluator.evaluate(good[1:])
    for junk in (b"", b"x" * 100):
        with pytest.raises(InputError):
            Evaluator(model, junk, STANDARD_CHOICE)


@pytest.mark.parametrize("cut", [0, 10, 30, 200, -1])
def test_requests_and_answers_that_are_cut_off_are_refused(request_, answer_, cut):
    for kind, whole in ((Request, request_.to_bytes()), (Answer, answer_.to_bytes())):
        assert kind.from_bytes(whole, where="x").to_bytes() == whole
        with pytest.raises(InputError):
            kind.from_bytes(whole[:cut], where="x")


def test_models_and_cards_come_back_from_their_files(model):
    again = SecretModel.from_bytes(model.to_bytes(), where="x")
    assert again.to_bytes() == model.to_bytes()
    assert Card.from_bytes(model.card.to_bytes(), where="x").to_bytes() == model.card.to_bytes()
    assert b"weights" not in model.card.to_bytes()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 1}'])
def test_files_that_are_no_models_are_refused(data):
    for kind in (SecretModel, Card):
        with pytest.raises(InputError):
            kind.from_bytes(data, where="x")


def test_missing_and_wild_values_stay_within_the_card(model):
    z = model.card.inputs(np.full((2, 15), np.nan))
    assert (z == 0).all()
    assert np.abs(model.card.inputs(np.full((1, 15), 1e300))).max() <= model.clip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["taiwan_default", "creditcard_ulb"])
@pytest.mark.parametrize("units", [0, 8])
def test_every_real_row_is_decided_as_in_plain(keys, name, units):
    path = SHARED / f"{name}.parquet"
    if not path.exists():
        pytest.skip("needs ../shared/data/tabular")
    target = {"taiwan_default": "default.payment.next.month", "creditcard_ulb": "Class"}[name]
    frame = pl.read_parquet(path).sample(12_000, shuffle=True, seed=0)
    names = tuple(c for c in frame.columns if c not in {target, "ID", "Time"})
    x, y = frame.select(names).to_numpy().astype(float), frame[target].cast(pl.Int64).to_numpy()
    model = fit(x[:6000], y[:6000], names, units=units, flagged=0.05, seed=0)
    later = x[6000:]
    asked = scoring.ask(keys, model.card, later)
    answer = scoring.answer(model, asked, np.random.default_rng(0), BOUND)
    found, same, error = agreement(keys, model, answer, later)
    assert (same | found.undecided).all()
    assert same.all()
    assert error <= found.error
