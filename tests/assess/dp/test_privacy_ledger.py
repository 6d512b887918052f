"""The privacy ledger adds up, refuses past the budget, and agrees with other accountants."""

from __future__ import annotations

import math

import numpy as np
import pytest

from strongroom.assess.dp.audit import Counts, epsilon_at_least, refuted
from strongroom.assess.dp.ledger import Budget, PrivacyLedger
from strongroom.assess.dp.mechanisms import Use, event_of, spent
from strongroom.domain.digests import sha256
from strongroom.domain.errors import DeniedError, InputError

DATA, OTHER = sha256(b"data"), sha256(b"other data")
HALF = Use("stated", {"epsilon": 0.5, "delta": 0.0})


def test_uses_add_up_and_the_one_past_the_budget_is_refused_and_not_recorded(home):
    ledger = PrivacyLedger(home)
    ledger.set_budget(DATA, Budget(1.0, 1e-5), system="fraud")
    ledger.spend(DATA, HALF, system="fraud", purpose="model of May")
    assert ledger.spend(DATA, HALF, system="fraud", purpose="model of June").epsilon == 1.0
    size = home.ledger.size
    with pytest.raises(DeniedError, match=r"epsilon would be 1\.5 of 1"):
        ledger.spend(DATA, HALF, system="fraud", purpose="model of July")
    assert home.ledger.size == size
    assert len(PrivacyLedger(home).account(DATA).uses) == 2


def test_each_data_set_has_a_budget_of_its_own_and_none_means_no_use(home):
    ledger = PrivacyLedger(home)
    ledger.set_budget(DATA, Budget(1.0, 1e-5), system="fraud")
    with pytest.raises(DeniedError, match="no privacy budget"):
        ledger.spend(OTHER, HALF, system="fraud", purpose="none")
    assert ledger.account(OTHER).uses == ()


def test_a_budget_may_be_lowered_and_never_raised(home):
    ledger = PrivacyLedger(home)
    ledger.set_budget(DATA, Budget(1.0, 1e-5), system="fraud")
    assert ledger.set_budget(DATA, Budget(0.4, 1e-5), system="fraud").budget == Budget(0.4, 1e-5)
    with pytest.raises(DeniedError, match="never"):
        ledger.set_budget(DATA, Budget(0.5, 1e-6), system="fraud")
    with pytest.raises(DeniedError, match=r"0\.5 of 0\.4"):
        ledger.spend(DATA, HALF, system="fraud", purpose="model")


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0, 0.1), (-1, 0.1), (1, 0), (1, 1), (math.nan, 0.1)]
)
def test_senseless_budgets_are_refused(epsilon, delta):
    with pytest.raises(InputError, match="budget"):
        Budget(epsilon, delta)


@pytest.mark.parametrize(
    ("mechanism", "parameters", "times"),
    [
        ("magic", {}, 1),
        ("gaussian", {}, 1),
        ("gaussian", {"noise_multiplier": 0}, 1),
        ("gaussian", {"noise_multiplier": math.inf}, 1),
        ("gaussian", {"noise_multiplier": True}, 1),
        ("sampled_gaussian", {"noise_multiplier": 1, "sampling": 2}, 1),
        ("stated", {"epsilon": -1, "delta": 0}, 1),
        ("stated", {"epsilon": 0, "delta": 0}, 1),
        ("stated", {"epsilon": 1, "delta": 0}, 0),
    ],
)
def test_unknown_mechanisms_and_senseless_parameters_are_refused(mechanism, parameters, times):
    with pytest.raises(InputError):
        Use(mechanism, parameters, times)


def test_the_sum_agrees_with_renyi_accounting_and_with_the_closed_form():
    rdp = pytest.importorskip("dp_accounting.rdp")
    uses = [
        Use("sampled_gaussian", {"noise_multiplier": 1.1, "sampling": 0.01}, 500),
        Use("gaussian", {"noise_multiplier": 4.0}, 2),
    ]
    accountant = rdp.RdpAccountant()
    for use in uses:
        accountant.compose(event_of(use), use.times)
    ours, theirs = spent(uses, 1e-5), accountant.get_epsilon(1e-5)
    assert 0.6 * theirs < ours <= theirs  # Renyi's sum is never the tighter one
    laplace = [Use("laplace", {"noise_multiplier": 2.0}, 3)]
    assert spent(laplace, 1e-9) == pytest.approx(1.5, rel=1e-3)


def test_stated_losses_add_plainly_and_use_up_delta():
    use = Use("stated", {"epsilon": 0.25, "delta": 4e-6}, 2)
    assert spent([use], 1e-5) == 0.5
    assert spent([use, use], 1e-5) == math.inf
    with pytest.raises(InputError, match="delta"):
        spent([use], 0)


def test_the_audit_bounds_randomised_response_by_its_true_epsilon_and_refutes_less():
    """A coin that tells the truth with probability 3/4 is ln 3 private, exactly."""
    rng = np.random.default_rng(0)
    found, accused = int((rng.random(20_000) < 0.75).sum()), int((rng.random(20_000) < 0.25).sum())
    counts = Counts(20_000, found, 20_000, accused)
    bound = epsilon_at_least(counts, 0)
    assert 1.0 < bound < math.log(3)
    assert refuted(0.5, counts, 0)
    assert not refuted(math.log(3), counts, 0)


def test_an_audit_that_saw_nothing_proves_nothing():
    assert epsilon_at_least(Counts(100, 50, 100, 50), 1e-5) == 0
    assert epsilon_at_least(Counts(1, 1, 1, 0), 0) == 0
    with pytest.raises(InputError, match="above 0"):
        refuted(0, Counts(10, 5, 10, 5), 0)
    with pytest.raises(InputError, match="cannot be counts"):
        Counts(10, 11, 10, 0)
