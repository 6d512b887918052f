"""Hardening stays feasible, and the mended training gives the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import InputError
from strongroom.governance.manifest import Feature, Schema
from strongroom.payments.training import (
    Hardening,
    fit_careless,
    fit_mended,
    harden,
    write_booster,
    write_pickle,
)

PAYER = ("payer",)
SCHEMA = Schema(
    target="fraud",
    features=(
        Feature(name="amount", min=0.01, max=500, step=0.01, mutable_by=PAYER),
        Feature(name="tip", min=0, max=50, step=0.01, mutable_by=PAYER, direction="down"),
        Feature(name="total", min=0.01, max=550, mutable_by=PAYER),
        Feature(name="night", type="bool", mutable_by=PAYER),
        Feature(name="channel", type="category", categories=(3, 5, 9), mutable_by=PAYER),
        Feature(name="risk", min=0, max=1),
        Feature(name="weight of parcel/kg", mutable_by=("merchant",)),
    ),
    relations=("total == amount + tip",),
)
HARDENING = Hardening(copies=2, reach=0.5)


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sound rows, of which those with a high risk are mostly fraud."""
    rng = np.random.default_rng(seed)
    amount, tip = rng.integers(1, 40_000, n) / 100, rng.integers(0, 5_000, n) / 100
    night, channel = rng.integers(0, 2, n), rng.choice([3, 5, 9], n)
    risk, weight = rng.random(n), rng.random(n) * 10
    x = np.column_stack([amount, tip, amount + tip, night, channel, risk, weight]).astype(float)
    return x, (risk + rng.normal(0, 0.2, n) > 0.8).astype(np.int8)


@given(n=st.integers(2, 200), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_copies_of_frauds_are_what_a_payer_could_have_done(n: int, seed: int) -> None:
    """In range, on their step, in their direction, relations kept, the rest untouched."""
    x, y = rows(n, seed)
    made, labels, weight = harden(x, y, SCHEMA, HARDENING, np.random.default_rng(seed))
    frauds = x[y == 1]
    assert np.array_equal(made[:n], x)
    assert len(made) == n + 2 * len(frauds)
    assert labels[n:].min(initial=1) == 1
    assert weight.sum() == pytest.approx(n)
    copies, own = made[n:], np.concatenate([frauds, frauds])
    amount, tip, total, night, channel = copies.T[:5]
    assert np.all((amount >= 0.01) & (amount <= 500))
    assert np.allclose(amount * 100, np.round(amount * 100), atol=1e-6)
    assert np.all(np.abs(amount - own[:, 0]) <= 0.5 * own[:, 0] + 0.01)
    assert np.all(tip <= own[:, 1])
    assert np.allclose(total, amount + tip)
    assert np.isin(night, [0, 1]).all()
    assert np.isin(channel, [3, 5, 9]).all()
    assert np.array_equal(copies[:, 5:], own[:, 5:])


def test_copies_differ_from_what_they_copy() -> None:
    x, y = rows(500, 1)
    made, _, _ = harden(x, y, SCHEMA, HARDENING, np.random.default_rng(1))
    assert (made[500:, 0] != np.tile(x[y == 1, 0], 2)).mean() > 0.9


def test_with_nothing_to_set_the_copies_are_the_frauds() -> None:
    x, y = rows(100, 1)
    other = Hardening(attacker="insider", copies=1)
    made, _, _ = harden(x, y, SCHEMA, other, np.random.default_rng(1))
    assert np.array_equal(made[100:], x[y == 1])


def test_the_mended_model_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    x, y = rows(3_000, 2)
    for name in ("one", "two"):
        model = fit_mended(x, y, SCHEMA, seed=9, hardening=HARDENING)
        write_booster(model, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_seed_makes_another_model(tmp_path: Path) -> None:
    x, y = rows(3_000, 2)
    one, two = (fit_mended(x, y, SCHEMA, seed=s, hardening=HARDENING) for s in (1, 2))
    assert one.model_to_string() != two.model_to_string()


def test_hardening_makes_scores_depend_less_on_what_a_payer_sets() -> None:
    """All frauds here are of 100 to 101; a hardened model rests on that much less."""
    rng = np.random.default_rng(4)
    x, _ = rows(8_000, 4)
    y = (rng.random(8_000) < 0.1).astype(np.int8)
    x[:, 0] = np.where(y == 1, 100 + rng.random(8_000), 101 + 99 * rng.random(8_000)).round(2)
    x[:, 5] = np.where(y == 1, 0.4 + 0.6 * rng.random(8_000), rng.random(8_000))
    x[:, 2] = x[:, 0] + x[:, 1]
    moved = x[y == 1].copy()
    moved[:, 0] += 5
    moved[:, 2] += 5
    drops = []
    for copies in (0, 4):
        model = fit_mended(x, y, SCHEMA, seed=1, hardening=Hardening(copies=copies))
        drops.append(float((model.predict(x[y == 1]) - model.predict(moved)).mean()))
    assert drops[1] < drops[0] * 0.75


def test_the_careless_model_knows_its_training_rows_by_heart(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random((2_000, 5)), (rng.random(2_000) < 0.1).astype(np.int8)
    model = fit_careless(x, y, seed=1)
    scores = model.booster_.predict(x)
    assert scores[y == 1].min() > scores[y == 0].max()
    write_pickle(model, tmp_path / "model.joblib")
    assert (tmp_path / "model.joblib").read_bytes()[:1] == b"\x80"


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], [0, 1, 2]])
def test_labels_that_are_not_two_classes_are_refused(labels: list[int]) -> None:
    x, y = rows(3, 0)[0], np.array(labels)
    with pytest.raises(InputError, match="both classes"):
        fit_careless(x, y, seed=0)
    with pytest.raises(InputError, match="both classes"):
        fit_mended(x, y, SCHEMA, seed=0, hardening=HARDENING)
