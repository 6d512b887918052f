"""What other programs read: held to the rules of SARIF 2.1.0 and of JUnit readers."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from strongroom.assess.formats import document, junit, sarif
from strongroom.assess.runner import Assessed
from strongroom.domain.canonical import canonical
from strongroom.domain.digests import sha256
from strongroom.domain.evidence import CheckId, Evidence, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.statement import Subject

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def assessed(name, *findings, stopped=None):
    evidence = Evidence(
        "card-fraud",
        CheckId(name, 1),
        sha256(b"c"),
        (Subject("model", sha256(b"m")),),
        findings,
        (Metric("auc", 0.8, 0.7, 0.9, 10),),
        NOW,
        NOW,
        NOW.replace(year=2027),
        stopped=stopped,
    )
    return Assessed(evidence, evidence.to_statement().digest)


RUN = (
    assessed("data.schema", Finding("data.schema.as_declared", Outcome.PASS, "fine")),
    assessed(
        "data.leakage",
        Finding("data.leakage.time", Outcome.FAIL, "late <&> \x01", Severity.HIGH, "t", "split"),
        Finding("data.leakage.features", Outcome.PASS, "fine"),
    ),
    assessed("privacy.membership", stopped="stopped after 9 s"),
)  # fmt: skip


def test_the_document_is_the_machine_contract():
    raw = json.loads(canonical(document("card-fraud", RUN[:1])))
    (evidence,) = raw["evidence"]
    assert raw["system"] == "card-fraud"
    assert evidence["check"] == "data.schema@1"
    assert evidence["outcome"] == "pass"
    assert evidence["metrics"]["auc"]["low"] == 0.7
    assert evidence["subjects"] == {"model": str(sha256(b"m"))}
    assert evidence["digest"] == str(RUN[0].digest)
    assert evidence["findings"][0]["rule"] == "data.schema.as_declared"


def test_sarif_has_the_shape_that_the_standard_asks_for():
    log = json.loads(sarif(RUN[:1] + RUN[2:], manifest="strongroom.yaml"))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        assert result["kind"] in {"pass", "fail", "open"}
        # 3.27.10: a level other than none only where the kind is fail
        assert (result["level"] == "none") == (result["kind"] != "fail")
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert run["invocations"] == [{"executionSuccessful": False}]


def test_in_sarif_a_failure_has_a_level_and_unknown_is_open():
    found = assessed("data.leakage", Finding("data.leakage.time", Outcome.FAIL, "late",
                                             Severity.HIGH, "data.test: t", "split"))  # fmt: skip
    log = json.loads(sarif((found, RUN[2]), manifest="strongroom.yaml"))
    failed, stopped = log["runs"][0]["results"]
    assert (failed["kind"], failed["level"]) == ("fail", "error")
    assert failed["message"]["text"] == "late Fix: split"
    assert failed["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "data.test: t"}]
    assert (stopped["kind"], stopped["ruleId"]) == ("open", "privacy.membership.stopped")


def test_junit_counts_failures_and_errors_and_survives_any_text():
    root = ET.fromstring(junit("card-fraud", RUN))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    passed, failed, unknown = suite.findall("testcase")
    assert (passed.get("classname"), passed.get("name")) == ("data", "schema@1")
    assert passed.find("failure") is passed.find("error") is None
    assert failed.find("failure").get("message").startswith("late <&> \ufffd")
    assert unknown.find("error").text == "stopped after 9 s"
    assert passed.find("system-out").text == "auc 0.8 [0.7, 0.9]"


@pytest.mark.parametrize("write", [lambda: junit("s", ()), lambda: sarif((), manifest="m")])
def test_nothing_is_still_a_document(write):
    assert write()
