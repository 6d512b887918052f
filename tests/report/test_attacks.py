"""What a validator signs: threat, method, budget, figures, verdict and limits of each attack."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.assess.check import check_names, load_check
from strongroom.domain.digests import sha256
from strongroom.domain.evidence import (
    CheckId,
    Curve,
    Evidence,
    Finding,
    Metric,
    Threshold,
    threshold_rule,
)
from strongroom.domain.outcome import Outcome
from strongroom.report.attacks import attack_of, limits_by_check
from strongroom.report.passport import compose
from strongroom.report.render import documents
from strongroom.testing.systems import make_workshop

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ROOMS = ("robustness.", "privacy.")
NAME = "robustness.evasion_budget"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    return make_workshop(tmp_path_factory.mktemp("system") / "s", rows=200).load().system


def said(check=NAME, outcome=Outcome.PASS, message="fine", **environment):
    spec = load_check(check)
    return Evidence(
        system="card-fraud",
        check=spec.id,
        configuration=sha256(b"c"),
        subjects=(),
        findings=(Finding(threshold_rule(spec.id), outcome, message),),
        metrics=(Metric("success[payer]", 0.5, 0.4, 0.6, 100),),
        effective_at=AT,
        recorded_at=AT,
        expires_at=AT + timedelta(days=1),
        curves=(Curve("robustness[payer]", "x", "y", ((0.0, 0.0), (1.0, 0.5))),),
        environment={"seed": "7", **environment},
    )


@pytest.mark.parametrize("name", [n for n in check_names() if n in limits_by_check()])
def test_every_attack_says_threat_method_budget_and_limits(name, system):
    attack = attack_of(said(name), system)
    assert attack is not None
    for part in (attack.threat, attack.method, attack.reading):
        assert len(part) > 30
        assert "**" not in part
    assert attack.budget
    assert attack.limits


def test_limits_are_of_checks_that_exist():
    assert set(limits_by_check()) <= set(check_names())
    assert all(name.startswith(ROOMS) for name in limits_by_check())


def test_what_is_no_attack_has_nothing_to_sign(system):
    assert attack_of(said("data.schema"), system) is None


def test_another_version_of_the_check_is_not_described_by_this_one(system):
    other = replace(said(), check=CheckId(NAME, 99))
    assert attack_of(other, system) is None


def test_the_budget_is_what_manifest_and_profile_ask_for(system):
    asked = system.model_copy(update={"settings": {NAME: {"max_changes": 3}}})
    standard, quick = attack_of(said(), asked), attack_of(said(profile="quick"), asked)
    assert dict(standard.budget)["max_changes"] == "3"
    assert dict(standard.budget)["queries_per_row"] == "5,000"
    assert dict(quick.budget)["queries_per_row"] == "500"
    assert (quick.profile, quick.seed) == ("quick", "7")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.PASS, "Nothing found against the model: "),
        (Outcome.FAIL, "The model does not hold: "),
        (Outcome.UNKNOWN, "Could not be told: "),
    ],
)
def test_the_verdict_says_what_it_rests_on(system, outcome, words):
    assert attack_of(said(outcome=outcome, message="figure"), system).verdict == f"{words}figure."


def test_the_passport_has_a_section_for_signature_with_plots(system):
    passport = compose(system, (), None, [said(message="<b>0.5</b>")], (), {}, AT)
    made = documents(passport)
    page = made["passport.html"].decode()
    assert "Attacks, for signature" in page
    assert "Date, signature" in page
    assert "<b>0.5</b>" not in page
    assert page.count("<svg") == 2
    assert made["passport.pdf"].startswith(b"%PDF")


def test_without_attacks_nothing_is_to_be_signed(system):
    passport = compose(system, (), None, [said("data.schema")], (), {}, AT)
    assert "for signature" not in documents(passport)["passport.html"].decode()


def test_a_summary_shows_bounded_figures_or_the_first_estimate(system):
    passport = compose(system, (), None, [said()], (), {}, AT)
    (section,) = passport.attacks
    assert [f.metric.name for f in section.telling] == ["success[payer]"]
    bounded = replace(section.figures[0], bounds=(Threshold("success[payer]", at_most=0.3),))
    assert replace(section, figures=(bounded,)).telling == (bounded,)
