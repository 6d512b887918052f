"""Who may do what, as a function of its arguments."""

from datetime import UTC, datetime
from itertools import product

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.access.policy import Action, Duty, Request, ask, read_access

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PEOPLE = """version: 1
environment: production
people:
  erin: [engineer]
  vera: [validator]
  bob: [approver]
  sam: [soc]
  ada: [admin]
  ivy: [auditor]
  kserve: [service]
"""


def allowed(actor: str, action: Action, stage: Stage | None = None, source: str = PEOPLE, **facts):
    request = Request(actor, action, "card-fraud", stage, facts)
    return ask(read_access(source.encode()), request, NOW).allowed


def test_each_role_moves_models_into_its_own_stage_and_no_other():
    movers = {"erin": Stage.DEVELOPMENT, "vera": Stage.VALIDATION, "bob": Stage.PRODUCTION}
    for who, stage in product(movers, Stage):
        assert allowed(who, Action.PROMOTE, stage) is (movers[who] is stage), (who, stage)


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("sam", {Action.ROLLBACK, Action.REPORT}),
        ("ivy", {Action.REPORT}),
        ("ada", {Action.KEYS, Action.RULES, Action.ACCESS, Action.SHRED}),
        ("kserve", {Action.OPEN}),
        (
            "bob",
            {
                Action.APPROVE,
                Action.WAIVE,
                Action.REPORT,
                Action.GATE,
                Action.PROMOTE,
                Action.ROLLBACK,
            },
        ),
        ("mallory", set()),
    ],
)
def test_in_production_a_role_may_do_exactly_this(who, may):
    assert {action for action in Action if allowed(who, action, Stage.PRODUCTION)} == may


def test_nobody_builds_and_approves_and_nobody_who_keeps_keys_does_either():
    for duty in Duty:
        source = PEOPLE + f"  zed: [{duty.value}]\n"
        builds = allowed("zed", Action.ASSESS, Stage.DEVELOPMENT, source)
        waives = allowed("zed", Action.WAIVE, Stage.PRODUCTION, source)
        keeps = allowed("zed", Action.KEYS, None, source)
        assert builds + waives + keeps <= 1, duty


def test_whoever_trained_a_model_does_not_approve_it_in_whatever_role():
    both = PEOPLE.replace("erin: [engineer]", "erin: [engineer, approver]")
    assert allowed("erin", Action.APPROVE, Stage.PRODUCTION, both)
    assert not allowed("erin", Action.APPROVE, Stage.PRODUCTION, both, trained_by="erin")
    assert allowed("bob", Action.APPROVE, Stage.PRODUCTION, both, trained_by="erin")


def test_a_development_environment_never_serves_production():
    development = PEOPLE.replace("environment: production", "environment: development")
    assert not allowed("bob", Action.PROMOTE, Stage.PRODUCTION, development)
    assert not allowed("kserve", Action.OPEN, Stage.PRODUCTION, development)
    assert allowed("erin", Action.PROMOTE, Stage.DEVELOPMENT, development)


def test_a_house_forbids_and_allows_in_its_own_words():
    own = (
        PEOPLE
        + """policies: |
  @id("friday")
  forbid (principal, action == Action::"promote", resource) when { resource has criticality
    && resource.criticality == "critical" };
  @id("soc-opens")
  permit (principal in Role::"soc", action == Action::"open", resource);
"""
    )
    assert not allowed("bob", Action.PROMOTE, Stage.PRODUCTION, own, criticality="critical")
    assert allowed("bob", Action.PROMOTE, Stage.PRODUCTION, own, criticality="high")
    assert allowed("sam", Action.OPEN, Stage.PRODUCTION, own)
    request = Request("bob", Action.PROMOTE, "x", Stage.PRODUCTION, {"criticality": "critical"})
    assert ask(read_access(own.encode()), request, NOW).because == ("friday",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version: 1", "version: 2"), "version 2"),
        (("[admin]", "[soc]"), "nobody is admin"),
        (("[engineer]", "[wizard]"), "people.erin"),
        (("environment: production", "environment: moon"), "environment"),
        (("version: 1", "version: 1\nextra: 1"), "extra"),
        (("version: 1", "version: 1\npolicies: 'permit(;'"), "policies"),
        (
            (
                "version: 1",
                "version: 1\npolicies: 'permit(principal, action == Action::\"fly\", resource);'",
            ),
            "fly",
        ),
        (("version: 1", "version: ["), "access.yaml"),
    ],
    ids=["version", "admin", "role", "environment", "field", "syntax", "action", "yaml"],
)
def test_what_is_wrong_is_named_before_it_is_in_force(change, said):
    with pytest.raises(InputError, match=said):
        read_access(PEOPLE.replace(*change).encode())


def test_a_policy_that_cannot_be_evaluated_refuses():
    own = (
        PEOPLE
        + """policies: |
  permit (principal, action == Action::"report", resource) when { context.now / 0 == 1 };
"""
    )
    with pytest.raises(InputError):
        read_access(own.encode())


def test_a_huge_policy_is_not_read():
    with pytest.raises(LimitError):
        read_access(b"#" * 300_000)
