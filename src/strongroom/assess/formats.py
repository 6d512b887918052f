"""Evidence in the formats that other programs read: JSON, SARIF and JUnit."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # writes only; nothing is parsed
from collections.abc import Sequence
from typing import Any, Final

from strongroom import __version__
from strongroom.assess.runner import Assessed
from strongroom.assess.thresholds import figure
from strongroom.domain.canonical import canonical, format_time, plain
from strongroom.domain.evidence import Evidence, Finding
from strongroom.domain.outcome import Outcome, Severity

SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_KIND: Final = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.UNKNOWN: "open"}
"""SARIF 2.1.0, 3.27.9: `open` is "insufficient information to decide"."""
_LEVEL: Final = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(system: str, assessed: Sequence[Assessed]) -> dict[str, Any]:
    """The machine contract of `strongroom assess --format json`."""
    return {"system": system, "evidence": [_evidence(one) for one in assessed]}


def sarif(assessed: Sequence[Assessed], *, manifest: str) -> bytes:
    """SARIF 2.1.0, one result for each finding; `manifest` is where results point to."""
    pairs = [(a.evidence, finding) for a in assessed for finding in _all_findings(a.evidence)]
    rules = sorted({finding.rule for _, finding in pairs})
    run = {
        "tool": {
            "driver": {
                "name": "Strongroom",
                "version": __version__,
                "rules": [{"id": rule, "name": rule} for rule in rules],
            }
        },
        "invocations": [{"executionSuccessful": all(a.evidence.stopped is None for a in assessed)}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(e, f, rules.index(f.rule), manifest) for e, f in pairs],
    }
    return canonical({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def junit(system: str, assessed: Sequence[Assessed]) -> bytes:
    """JUnit XML, one case for each check: fail is a failure, unknown an error."""
    outcomes = [a.evidence.outcome for a in assessed]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(Outcome.FAIL)),
        "errors": str(outcomes.count(Outcome.UNKNOWN)),
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": _xml(system), "skipped": "0", **counts})
    for one in assessed:
        _case(suite, one.evidence)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def reasons(evidence: Evidence) -> tuple[str, ...]:
    """What people should know: the worst findings, or all when everything passed."""
    worst = [f for f in _all_findings(evidence) if f.outcome is evidence.outcome]
    return tuple(f.message for f in worst) or ("the check said nothing",)


def _all_findings(evidence: Evidence) -> tuple[Finding, ...]:
    if evidence.stopped is None:
        return evidence.findings
    rule = f"{evidence.check.name}.stopped"
    return (*evidence.findings, Finding(rule, Outcome.UNKNOWN, evidence.stopped))


def _evidence(one: Assessed) -> dict[str, Any]:
    evidence = one.evidence
    return {
        "check": str(evidence.check),
        "outcome": evidence.outcome,
        "stopped": evidence.stopped,
        "metrics": {
            m.name: {k: v for k, v in plain(m).items() if k != "name"} for m in evidence.metrics
        },
        "findings": evidence.findings,
        "subjects": {s.name: s.digest for s in evidence.subjects},
        "effective_at": evidence.effective_at,
        "expires_at": evidence.expires_at,
        "digest": one.digest,
        "reused": one.reused,
    }


def _result(evidence: Evidence, finding: Finding, rule: int, manifest: str) -> dict[str, Any]:
    failed = finding.outcome is Outcome.FAIL
    text = finding.message + (f" Fix: {finding.fix}" if finding.fix else "")
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": manifest}}}
    if finding.where:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.where}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "kind": _KIND[finding.outcome],
        "level": _LEVEL[finding.severity] if failed else "none",
        "message": {"text": text},
        "locations": [location],
        "properties": {
            "check": str(evidence.check),
            "severity": finding.severity,
            "references": finding.references,
            "subjects": {s.name: s.digest for s in evidence.subjects},
        },
    }


def _case(suite: ET.Element, evidence: Evidence) -> None:
    room, _, name = str(evidence.check).partition(".")
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": room,
            "name": name,
            "time": f"{(evidence.recorded_at - evidence.effective_at).total_seconds():.3f}",
            "timestamp": format_time(evidence.effective_at),
        },
    )
    text = _xml("\n".join(reasons(evidence)))
    if evidence.outcome is not Outcome.PASS:
        tag = "failure" if evidence.outcome is Outcome.FAIL else "error"
        first = text.splitlines()[0] if text else ""
        ET.SubElement(case, tag, {"message": first, "type": evidence.outcome.value}).text = text
    figures = "\n".join(figure(metric) for metric in evidence.metrics)
    ET.SubElement(case, "system-out").text = _xml(figures)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
