"""Profiles move budgets, and small budgets never pass for large ones."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from strongroom.assess.assessing import assess, required
from strongroom.assess.check import check_names, load_check
from strongroom.assess.history import History
from strongroom.assess.home_store import HomeStore
from strongroom.assess.orders import Order
from strongroom.assess.profiles import estimate, load_profiles, profile_named, under
from strongroom.assess.runner import Plan
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog

PLANS = ("quick", "standard", "deep")


class Silent:
    def started(self, check): ...
    def progressed(self, check, done, total): ...
    def ended(self, assessed): ...


def order(check, **settings):
    return Order(load_check(check), settings)


def test_every_profile_names_checks_and_settings_that_exist():
    every = tuple(order(name) for name in check_names())
    for name in load_profiles().profiles:
        profile = profile_named(name)
        assert {*profile.at_most, *profile.at_least} <= set(check_names())
        for one in under(name, every):
            one.spec.configure(one.settings)
    assert set(load_profiles().usual) <= set(check_names())


def test_standard_changes_nothing():
    orders = (order("privacy.membership", shadows=8), order("data.schema"))
    assert under("standard", orders) == orders


def test_quick_lowers_and_never_raises_what_the_manifest_asks():
    (lowered,) = under("quick", [order("privacy.membership")])
    assert lowered.settings["shadows"] == 4
    (kept,) = under("quick", [order("robustness.poisoning_swallowed", max_rows=300)])
    assert kept.settings["max_rows"] == 300


def test_deep_raises_and_never_lowers_what_the_manifest_asks():
    (made,) = under("deep", [order("privacy.membership", shadows=128)])
    assert made.settings["shadows"] == 128
    assert made.settings["max_rows"] == 20_000
    assert made.short == ()


def test_lists_of_budgets_are_cut_from_above_and_extended():
    (quick,), (deep,) = (under(p, [order("robustness.extraction")]) for p in ("quick", "deep"))
    assert quick.settings["budgets"] == (2_000,)
    assert deep.settings["budgets"] == (2_000, 10_000, 50_000, 100_000)


def test_an_attacker_may_do_the_same_under_every_profile():
    """Budgets of a run change; changes, false positives and answers are the threat's."""
    threat = {"max_changes", "target_fpr", "amount_change", "answers", "inputs", "profiles"}
    for name in PLANS:
        profile = profile_named(name)
        for bounds in (*profile.at_most.values(), *profile.at_least.values()):
            assert threat.isdisjoint(bounds)


def test_small_budgets_are_another_configuration_even_where_the_manifest_asks_for_them():
    (quick,) = under("quick", [order("privacy.membership")])
    same = Order(quick.spec, quick.settings)
    assert quick.configuration(0, History()) != same.configuration(0, History())


def test_estimates_grow_with_the_profile_and_shrink_with_jobs():
    orders = tuple(order(name) for name in check_names())
    usual = [estimate(name, orders, 1).usual for name in PLANS]
    assert usual == sorted(usual)
    assert usual[0] < usual[2]
    assert estimate("deep", orders, 4).usual < usual[2]
    assert estimate("deep", orders, 4).usual <= estimate("deep", orders, 4).at_most


def test_an_unknown_profile_is_an_error_that_names_the_others():
    with pytest.raises(InputError, match="there is no profile"):
        under("thorough", [])


def test_a_quick_run_cannot_pass_and_is_not_used_again_for_a_standard_one(workshop, home):
    """What is small may find; that it found nothing is unknown, and standard runs anew."""
    loaded, catalog = workshop.load(), load_catalog()

    def run(profile):
        (made,) = assess(
            loaded, catalog, Plan(seed=0), store=HomeStore(home), now=home.clock, watch=Silent(),
            names=("robustness.evasion_budget",), profile=profile,
        )  # fmt: skip
        return made

    quick, standard = run("quick"), run("standard")
    remark = next(f for f in quick.evidence.own_findings if f.rule.endswith(".profile"))
    assert remark.outcome is Outcome.UNKNOWN
    assert "max_rows" in remark.message
    assert quick.evidence.outcome is not Outcome.PASS
    assert quick.evidence.environment["profile"] == "quick"
    assert not standard.reused
    assert "profile" not in standard.evidence.environment
    assert run("quick").reused
    assert standard.evidence.expires_at - standard.evidence.effective_at >= timedelta(days=1)


def test_checks_that_a_profile_leaves_alone_share_their_evidence(workshop, home):
    loaded, catalog = workshop.load(), load_catalog()
    made = [
        assess(
            loaded, catalog, Plan(seed=0), store=HomeStore(home), now=home.clock, watch=Silent(),
            names=("data.schema",), profile=profile,
        )[0]
        for profile in ("standard", "quick")
    ]  # fmt: skip
    assert made[1].reused
    assert made[1].evidence.outcome is Outcome.PASS


def test_required_orders_are_those_of_the_catalog_under_every_profile(workshop):
    orders = required(workshop.load(), load_catalog())
    for name in PLANS:
        assert [o.spec.id for o in under(name, orders)] == [o.spec.id for o in orders]


def test_the_program_says_how_long_deep_takes_before_it_runs_and_names_the_profile(workshop):
    done = subprocess.run(
        [sys.executable, "-m", "strongroom.cli", "assess", str(workshop.folder),
         "--check", "data.schema", "--profile", "deep", "--format", "json"],
        env={**os.environ, "STRONGROOM_HOME": str(workshop.folder.parent / "home")},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"deep: about 3 s on 10,000 rows for 1 check," in done.stderr
    assert json.loads(done.stdout)["profile"] == "deep"
