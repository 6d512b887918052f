from __future__ import annotations

import numpy as np
import pytest

from strongroom.domain.errors import DeniedError, InputError
from strongroom.homomorphic import guard
from strongroom.homomorphic.models import SecretModel
from strongroom.homomorphic.parameters import (
    FINE,
    STANDARD_CHOICE,
    Demand,
    Parameters,
    estimated_error,
    is_prime,
    mismatch,
    objections,
    require,
)

LINEAR = Demand(depth=1, norm=3.0, largest=20.0, terms=0)
SQUARES = Demand(depth=2, norm=4.0, largest=50.0, terms=8)


def model(units: int = 2, features: int = 4, seed: int = 0) -> SecretModel:
    rng = np.random.default_rng(seed)
    return SecretModel(
        features=tuple(f"f{i}" for i in range(features)),
        centre=np.zeros(features),
        scale=np.ones(features),
        clip=5.0,
        threshold=0.5,
        bias=-0.25,
        weights=rng.normal(size=features),
        directions=rng.normal(size=(units, features)) / features,
        offsets=rng.normal(size=units),
        signs=np.where(np.arange(units) % 2, -1.0, 1.0),
    )


@pytest.mark.parametrize("parameters", [STANDARD_CHOICE, FINE])
@pytest.mark.parametrize("demand", [LINEAR, SQUARES])
def test_the_parameters_that_we_name_are_good(parameters, demand):
    assert objections(parameters, demand, 1e-3) == ()


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        (Parameters(8192, (40, 21, 21, 40), 21), "an error of"),
        (Parameters(8192, (40, 21, 21, 40), 40), "not of the scale's 40 bits"),
        (Parameters(4096, (60, 40, 40, 60), 40), "less than 128 bits of security: 109"),
        (Parameters(8192, (60, 50, 50, 60), 50), "less than 128 bits of security: 218"),
        (Parameters(8192, (60, 40, 60), 40), "1 multiplications fit, the model takes 2"),
        (Parameters(8192, (45, 40, 40, 60), 40), "5 bits above the scale do not hold"),
        (Parameters(8192, (60, 40, 40, 50), 40), "the last prime is smaller"),
        (Parameters(6000, (60, 40, 40, 60), 40), "not in the standard's table"),
        (Parameters(32768, (60, 61, 61, 61), 61), "primes have 20 to 60 bits"),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, str) else None,
)
def test_bad_parameters_are_refused_and_the_reason_is_said(parameters, why):
    with pytest.raises(DeniedError, match=why):
        require(parameters, SQUARES, 1e-3)


def test_a_tighter_bound_takes_finer_parameters():
    with pytest.raises(DeniedError, match="is to be expected"):
        require(STANDARD_CHOICE, SQUARES, 1e-6)
    assert require(FINE, SQUARES, 1e-6) < 1e-6


def test_mismatch_is_of_the_primes_below_the_scale():
    """2^40 - 87 * 2^14 + 1 and its like, found by trial division for a small case."""
    assert [n for n in range(2, 60) if is_prime(n)] == [
        n for n in range(2, 60) if all(n % d for d in range(2, n))
    ]
    below = [n for n in range(1, 2**20, 2 * 1024) if all(n % d for d in range(2, 1024)) and n > 1]
    assert mismatch(1024, 20, 2) == 1 - sorted(below)[-2] / 2**20
    assert mismatch(8192, 14, 1) == float("inf")


@pytest.mark.parametrize(("units", "parameters"), [(0, Parameters(8192, (60, 40, 60), 40)),
                                                    (2, STANDARD_CHOICE)])  # fmt: skip
def test_measured_error_is_within_the_estimate(units, parameters):
    pytest.importorskip("tenseal", reason="needs the private extra")
    found = guard.check(model(units), parameters, np.random.default_rng(0))
    assert 0 < found.measured <= found.estimated < 1e-3
    assert found.estimated == estimated_error(parameters, model(units).demand)


@pytest.mark.parametrize("numbers", [(0, (60, 60), 40), (8192, (60,), 40), (8192, (60, -1), 40),
                                     (8192.0, (60, 60), 40), (8192, (60,) * 17, 40)])  # fmt: skip
def test_parameters_that_are_none_are_refused(numbers):
    with pytest.raises(InputError):
        Parameters(*numbers)
