"""What applies, and why; what the owner's bounds make of it."""

from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.governance.applicability import Applied, applicable, not_applicable
from strongroom.governance.bounds import join
from strongroom.governance.catalog import Catalog, Limit, load_catalog
from strongroom.governance.loader import read_manifest
from strongroom.governance.manifest import Bound, EntityType, System
from strongroom.governance.policy import policy_digest
from strongroom.testing.manifests import changed


def system(*pairs: tuple[str, str]) -> System:
    return read_manifest(changed(*pairs), Path()).system


def applied(*pairs: tuple[str, str], stage: Stage = Stage.PRODUCTION) -> dict[str, Applied]:
    found = applicable(load_catalog(), system(*pairs), stage)
    return {item.requirement.id: item for item in found}


def why_not(*pairs: tuple[str, str], stage: Stage = Stage.PRODUCTION) -> dict[str, str]:
    rest = not_applicable(load_catalog(), system(*pairs), stage)
    return {item.requirement.id: item.why for item in rest}


def test_each_requirement_either_applies_or_says_why_not() -> None:
    catalog = load_catalog()
    for stage in Stage:
        asked, rest = applied(stage=stage), why_not(stage=stage)
        assert set(asked) | set(rest) == {r.id for r in catalog.requirements}
        assert not set(asked) & set(rest)
        assert all(asked[name].why for name in asked)
        assert all(rest.values())


def test_each_stage_asks_for_something() -> None:
    assert applied(stage=Stage.DEVELOPMENT).keys() >= {"SR-SC-01", "SR-DA-01", "SR-DA-02"}
    assert applied(stage=Stage.VALIDATION)["SR-GO-01"].approvals == 1
    assert applied(stage=Stage.PRODUCTION)["SR-GO-02"].approvals == 2


def test_rmit_paragraphs_on_notification_bind_banks_not_payment_system_operators() -> None:
    bank = applied()
    assert str(bank["SR-GO-03"].binding[0]) == "bnm_rmit_2025 RMiT 17.1"
    operator = ("entity_type: bank", "entity_type: payment_system_operator")
    assert "for bank or insurer" in why_not(operator)["SR-GO-03"]
    assert "bnm_rmit_2025 RMiT App.9(2)(c)" in map(str, applied(operator)["SR-OP-03"].binding)
    framework = load_catalog().frameworks["bnm_rmit_2025"]
    for clause in ("RMiT 16.1", "RMiT 17.5", "RMiT App.6", "RMiT App.7"):
        assert framework.exempts(clause, EntityType.E_MONEY_ISSUER)
        assert not framework.exempts(clause, EntityType.BANK)
    assert not framework.exempts("RMiT App.9(2)(a)", EntityType.E_MONEY_ISSUER)


def test_a_rule_of_the_eu_binds_in_a_member_state_and_not_elsewhere() -> None:
    german = applied(("[MY]", "[DE]"))
    assert "runs in DE" in german["SR-PR-03"].why
    assert {str(r) for r in german["SR-PR-03"].binding} == {
        "eu_gdpr Art.35(1)",
        "eu_gdpr Art.35(7)",
    }
    assert "for EU, IS, LI, NO or NG; runs in MY" in why_not()["SR-PR-03"]
    assert not [r for a in applied().values() for r in a.binding if r.framework == "eu_gdpr"]


def test_a_consultation_and_a_standard_bind_nobody() -> None:
    for item in applied(("[MY]", "[SG, DE, NG, QA, CH, MY]")).values():
        bound = {reference.framework for reference in item.binding}
        assert not bound & {"mas_airg_2025_draft", "iso_42001_2023", "mitre_atlas_5.6", "eu_ai_act"}


def test_criticality_decides() -> None:
    low = ("criticality: high", "criticality: low")
    assert why_not(low)["SR-RB-02"] == "from criticality high; this is low"
    assert "SR-RB-01" in applied(low)


def test_silence_does_not_switch_fairness_off() -> None:
    silent = ("    sensitive: [sex]\n", "")
    assert "no feature looks like one" in why_not(silent)["SR-FA-01"]
    gender = ("name: hour", "name: customerGender")
    assert "protected attributes: sex" in applied()["SR-FA-01"].why
    assert "protected attributes: customerGender" in applied(silent, gender)["SR-FA-01"].why
    age = ("name: hour", "name: Age_Group")
    assert "protected attributes: Age_Group" in applied(silent, age)["SR-FA-01"].why


def test_what_the_manifest_does_not_declare_is_not_asked_for() -> None:
    assert "SR-PF-03" in applied()
    assert why_not(("    entity: card\n", ""))["SR-PF-03"] == (
        "the schema names no entity and time columns"
    )
    assert "no dependencies file" in why_not(("dependencies: requirements.txt\n", ""))["SR-SC-03"]


def test_agents_are_asked_for_what_no_check_can_show_yet() -> None:
    agent = applied(("kind: ml_model", "kind: agent"))
    planned = [item for item in agent.values() if item.requirement.planned]
    assert len(planned) > 8
    assert all(not item.needs and not item.approvals for item in planned)


def thresholds(item: Applied) -> dict[str, tuple[float | None, float | None]]:
    return {t.metric: (t.at_least, t.at_most) for need in item.needs for t in need.thresholds}


def test_an_owner_may_tighten_and_loosen_what_is_adjustable() -> None:
    assert thresholds(applied()["SR-PF-01"]) == {"auc": (0.9, None)}
    assert thresholds(applied(("0.9}", "0.6}"))["SR-PF-01"]) == {"auc": (0.6, None)}
    two = ("0.9}", "0.6}\n  - {check: performance.discrimination, metric: auc, at_least: 0.8}")
    assert thresholds(applied(two)["SR-PF-01"]) == {"auc": (0.8, None)}


def test_a_bound_binds_every_requirement_on_the_same_figure() -> None:
    bound = (
        "{check: performance.discrimination, metric: auc, at_least: 0.9}",
        '{check: robustness.evasion_budget, metric: "success[*]", at_most: 0.4}',
    )
    found = applied(bound)
    assert thresholds(found["SR-RB-01"]) == {"success[*]": (None, 0.4)}
    assert thresholds(found["SR-RB-02"]) == {"success[*]": (None, 0.4)}


def test_a_bound_on_a_figure_that_nothing_else_bounds_binds_all_the_same() -> None:
    more = "0.9}\n  - {check: bank.own_check, metric: score, at_least: 1}"
    more += "\n  - {check: performance.discrimination, metric: average_precision, at_least: 0.2}"
    own = applied(("0.9}", more))["SR-GO-08"]
    assert [str(need.check) for need in own.needs] == [
        "bank.own_check@1",
        "performance.discrimination@1",
    ]
    assert thresholds(own) == {"score": (1, None), "average_precision": (0.2, None)}
    assert why_not()["SR-GO-08"] == "the manifest sets no bounds of its own"


def test_what_is_not_adjustable_cannot_be_loosened_only_tightened() -> None:
    catalog = load_catalog()
    requirement = catalog.requirement("SR-DA-02")
    (threshold,) = requirement.needs[0].thresholds
    loose = Bound(check="data.personal_data", metric="cells_found", at_most=5)
    with pytest.raises(InputError, match="looser than SR-DA-02 allows"):
        join(requirement, threshold, [loose])
    smuggled = system().model_copy(update={"thresholds": (loose,)})
    with pytest.raises(InputError, match="looser than SR-DA-02 allows"):
        applicable(catalog, smuggled, Stage.PRODUCTION)
    tight = Bound(check="data.personal_data", metric="cells_found", at_most=0, at_least=0)
    joined = join(requirement, threshold, [tight])
    assert isinstance(joined, Limit)
    assert (joined.at_least, joined.at_most) == (0, 0)


def test_the_policy_changes_with_whatever_is_in_force() -> None:
    def digest(*pairs: tuple[str, str], stage: Stage = Stage.PRODUCTION) -> str:
        return str(policy_digest(tuple(applied(*pairs, stage=stage).values())))

    assert digest() == digest(("owner: Payments Risk", "owner: Somebody else"))
    digests = {
        digest(),
        digest(("0.9}", "0.91}")),
        digest(("criticality: high", "criticality: low")),
        digest(stage=Stage.VALIDATION),
    }
    assert len(digests) == 4


def test_an_unknown_requirement_is_refused_by_name() -> None:
    catalog: Catalog = load_catalog()
    with pytest.raises(InputError, match="SR-ZZ-99"):
        catalog.requirement("SR-ZZ-99")
