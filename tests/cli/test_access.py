"""With an access policy in force every verb that acts asks first, and what it refuses is logged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from strongroom.cli.main import run
from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.keys.trust import Role
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release

POLICY = """version: 1
environment: production
people:
  ada: [admin]
  erin: [engineer]
"""
RULE = """package bank.none
id := "BANK-01"
title := "Nothing is wrong"
deny contains "never" if false
"""
WHY = ("--reason", "haste", "--until", "2099-01-01")
VERBS = [
    ("assess", "system"),
    ("gate", "system", "--to", "development"),
    ("approve", "system", "--stage", "production", "--key", "erin", "--statement", "read it"),
    (
        "waive",
        "system",
        "--requirement",
        "SR-GO-02",
        "--owner",
        "erin",
        "--reason",
        "haste",
        "--until",
        "2099-01-01",
    ),
    ("promote", "system", "--to", "development"),
    ("rollback", "fraud", "--stage", "production"),
    ("open", "fraud", "--stage", "production"),
    ("rules", "add", "rule.rego"),
    ("keys", "new", "mallory", "--role", "approval"),
    ("keys", "admit", "vendor", "--key", "vendor.pem", "--role", "model"),
    ("keys", "revoke", "ada"),
    ("keys", "rotate"),
    ("keys", "migrate", "--to", "local:elsewhere"),
    ("keys", "extend", "gate"),
    ("shred", "fraud", "--key", "erin", "--reason", "haste", "--yes"),
    ("tidy", "--delete"),
    ("report", "audit", "system"),
    ("report", "engineer", "system"),
    ("deliver", "sealed://fraud/production", "served"),
]


@pytest.fixture
def strongroom(tmp_path: Path, monkeypatch, capsys):
    """Runs a verb in a home where ada is admin and erin an engineer; gives its exit code, err."""
    loaded = make_release(tmp_path / "system")
    with Home.open(tmp_path / "home", create=True) as home:
        decide(home, loaded, Stage.DEVELOPMENT)
        Registry(home).promote(loaded, Stage.DEVELOPMENT)
        for name in ("ada", "erin"):
            home.add_key(name, [Role.ACT, Role.APPROVAL, Role.WAIVER])
    (tmp_path / "access.yaml").write_text(POLICY)
    (tmp_path / "rule.rego").write_text(RULE)
    for name in ("KEY_PASSPHRASE", "ACTOR"):
        monkeypatch.delenv(f"STRONGROOM_{name}", raising=False)
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["strongroom", *arguments])
        with pytest.raises(SystemExit) as left:
            run()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def test_no_verb_acts_for_nobody_or_for_whoever_has_no_right_to_it(strongroom):
    assert strongroom("access", "set", "access.yaml", "--as", "ada")[0] == 0
    for verb in VERBS:
        code, _, err = strongroom(*verb)
        assert (code, "may not" in err) == (1, True), (verb, err)
    refused = json.loads(strongroom("access", "log", "--refused", "--format", "json")[1])
    assert len(refused) == len(VERBS)
    assert {line["actor"] for line in refused} == {"", "erin"}


def test_mlflows_versions_are_opened_and_promoted_by_leave(strongroom):
    pytest.importorskip("mlflow", reason="needs `make peers`")
    strongroom("access", "set", "access.yaml", "--as", "ada")
    for verb in (("open", "1", "system"), ("promote", "1", "system", "--to", "development")):
        code, _, err = strongroom("mlflow", *verb, "--as", "ada")
        assert (code, "may not" in err) == (1, True), (verb, err)


def test_whoever_may_acts_and_it_is_on_record(strongroom):
    strongroom("access", "set", "access.yaml", "--as", "ada")
    assert strongroom("gate", "system", "--to", "development", "--as", "erin")[0] == 1, "denied"
    assert strongroom("rules", "add", "rule.rego", "--as", "erin")[0] == 1
    assert strongroom("rules", "add", "rule.rego", "--as", "ada")[0] == 0
    said = strongroom("access", "log")[2]
    assert "did     erin gate fraud in development  engineer-builds" in said
    assert "refused erin rules home  no policy allows it" in said
    assert strongroom("access", "ask", "erin", "promote", "--stage", "production")[0] == 1
    assert strongroom("access", "ask", "erin", "promote", "--stage", "development")[0] == 0


def test_a_home_without_a_policy_says_that_it_has_none(strongroom):
    code, _, err = strongroom("access", "show")
    assert (code, "may do everything" in err) == (2, True)
    assert strongroom("gate", "system", "--to", "development")[0] == 1
    assert strongroom("access", "log")[2] == ""
