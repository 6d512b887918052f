"""Rules of the house's own, from the command line to the auditor who decides again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from strongroom.cli.main import run
from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.keys.trust import Role
from strongroom.report import layout
from strongroom.report.audit import choose, write_bundle
from strongroom.report.verify import verify_bundle
from strongroom.testing.evidence import approve, passing_evidence
from strongroom.testing.systems import make_workshop

RULE = """package bank.approvers
id := "BANK-07"
title := "Zoe approves"
deny contains "zoe did not approve" if not "zoe" in {a.by | some a in input.approvals}
"""
Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def strongroom(tmp_path, monkeypatch, capsys) -> Verb:
    """Runs a verb in this process on a system whose evidence passes; gives code, out, err."""
    loaded = make_workshop(tmp_path / "system").load()
    with Home.open(tmp_path / "home", create=True) as home:
        for evidence in passing_evidence(loaded, Stage.DEVELOPMENT, home.clock()):
            home.record(evidence.to_statement(), "assessor")
        approve(home, loaded, Stage.DEVELOPMENT, "bob")
    (tmp_path / "rule.rego").write_text(RULE)
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["strongroom", *arguments])
        with pytest.raises(SystemExit) as left:
            run()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


GATE = ("gate", "system", "--to", "development")


def test_a_rule_in_force_denies_and_a_waiver_lets_it_through_in_somebodys_name(
    strongroom, tmp_path
):
    assert strongroom(*GATE)[0] == 0
    assert strongroom("rules", "check", "rule.rego", "--system", "system")[0] == 1
    assert strongroom(*GATE)[0] == 0, "checking a rule puts nothing in force"
    assert strongroom("rules", "add", "rule.rego")[0] == 0
    code, _, err = strongroom(*GATE)
    assert code == 1
    assert "BANK-07 Zoe approves" in err
    assert "zoe did not approve" in err
    with Home.open(tmp_path / "home") as home:
        home.add_key("carol", [Role.WAIVER])
    day = ("--until", "2099-01-01", "--owner", "carol", "--reason", "zoe is away")
    assert strongroom("waive", "system", "--requirement", "BANK-07", *day)[0] == 0
    assert strongroom("waive", "system", "--requirement", "BANK-08", *day)[0] == 2
    code, _, err = strongroom(*GATE)
    assert (code, "zoe is away" in err) == (0, True)
    assert strongroom("rules", "remove", "BANK-07")[0] == 0
    assert strongroom("rules", "remove", "BANK-07")[0] == 2


def test_the_auditor_asks_the_rule_again_and_notices_another_rule(strongroom, tmp_path):
    strongroom("rules", "add", "rule.rego")
    strongroom(*GATE)
    loaded = make_workshop(tmp_path / "system").load()
    with Home.open(tmp_path / "home") as home:
        bundle = write_bundle(home, loaded, choose(home, loaded), tmp_path / "bundle", {})
        trust = home.trust
    result = verify_bundle(bundle, trust)
    assert result.problems == ()
    policy = parse_json((bundle / layout.POLICY).read_bytes(), where="policy")
    assert policy[-1]["rego"] == RULE
    policy[-1]["rego"] = RULE.replace("not approve", "approve")
    (bundle / layout.POLICY).write_bytes(canonical(policy))
    assert not verify_bundle(bundle, trust).verified


@pytest.mark.parametrize("form", ["json", "sarif", "junit"])
def test_a_pipeline_reads_the_decision_in_its_own_format(strongroom, form):
    strongroom("rules", "add", "rule.rego")
    code, out, _ = strongroom(*GATE, "--format", form)
    assert code == 1
    assert "zoe did not approve" in out
    if form == "sarif":
        results = {r["ruleId"]: r for r in json.loads(out)["runs"][0]["results"]}
        assert results["BANK-07"]["kind"] == "fail"
        assert results["SR-SC-01"]["kind"] == "pass"
    if form == "junit":
        assert 'failures="1"' in out


def test_the_standing_by_a_framework_names_what_nobody_asks_for(strongroom):
    _, _, err = strongroom(*GATE, "--framework", "owasp_ml_2023")
    assert "ML06:2023 AI Supply Chain Attacks  SR-SC-01" in " ".join(err.split()).replace(
        "Attacks SR", "Attacks  SR"
    )
    assert "not covered" in err
    code, _, err = strongroom(*GATE, "--framework", "nonsense")
    assert (code, "one of owasp_llm_2026" in err) == (2, True)
