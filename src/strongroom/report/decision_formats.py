"""A decision in the formats that pipelines read: JSON, SARIF, JUnit."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # writes only; nothing is parsed
from typing import Any, Final

from strongroom import __version__
from strongroom.domain.canonical import canonical
from strongroom.domain.decision import Reason
from strongroom.domain.outcome import Outcome
from strongroom.governance.applicability import Applied
from strongroom.registry.deciding import Decided

SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_KIND: Final = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.UNKNOWN: "open"}
"""SARIF 2.1.0, 3.27.9."""
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(decided: Decided) -> dict[str, Any]:
    """The machine contract of `strongroom gate --format json`."""
    decision = decided.decision
    return {
        "decision": decision.verdict,
        "system": decision.system,
        "stage": decision.stage,
        "digest": decided.digest,
        "policy": decision.policy,
        "subjects": {s.name: s.digest for s in decision.subjects},
        "requirements": [
            {
                "id": r.requirement,
                "outcome": r.outcome,
                "evidence": r.evidence,
                "reason": r.text,
                "waiver": r.waiver,
            }
            for r in decision.reasons
        ],
    }


def sarif(decided: Decided, *, manifest: str) -> bytes:
    """SARIF 2.1.0: one rule for each requirement, one result for each reason."""
    ids = [applied.requirement.id for applied in decided.required]
    run = {
        "tool": {
            "driver": {
                "name": "Strongroom gate",
                "version": __version__,
                "rules": [_rule(applied) for applied in decided.required],
            }
        },
        "invocations": [{"executionSuccessful": True}],
        "results": [
            {
                "ruleId": reason.requirement,
                "ruleIndex": ids.index(reason.requirement),
                "kind": "pass" if reason.ok else _KIND[reason.outcome],
                "level": "none" if reason.ok else "error",
                "message": {"text": reason.text},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": manifest}}}],
                "partialFingerprints": {
                    "strongroom/v1": f"{decided.decision.stage}:{reason.requirement}"
                },
                "properties": {"evidence": reason.evidence, "waiver": reason.waiver},
            }
            for reason in decided.decision.reasons
        ],
        "properties": {"decision": decided.digest, "verdict": decided.decision.verdict},
    }
    return canonical({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def junit(decided: Decided) -> bytes:
    """JUnit XML, one case for each requirement: fail is a failure, unknown an error."""
    reasons = decided.decision.reasons
    standing = [r for r in reasons if not r.ok]
    counts = {
        "tests": str(len(reasons)),
        "failures": str(sum(r.outcome is Outcome.FAIL for r in standing)),
        "errors": str(sum(r.outcome is Outcome.UNKNOWN for r in standing)),
        "skipped": "0",
    }
    titles = {a.requirement.id: a.requirement.title for a in decided.required}
    name = f"{decided.decision.system} to {decided.decision.stage}"
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": _xml(name), **counts})
    for reason in reasons:
        _case(suite, reason, titles.get(reason.requirement, ""))
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _rule(applied: Applied) -> dict[str, Any]:
    requirement = applied.requirement
    return {
        "id": requirement.id,
        "name": requirement.id,
        "shortDescription": {"text": requirement.title},
        "fullDescription": {"text": requirement.statement},
        "properties": {"tags": [str(reference) for reference in requirement.references]},
    }


def _case(suite: ET.Element, reason: Reason, title: str) -> None:
    names = {"classname": "strongroom.gate", "name": _xml(f"{reason.requirement} {title}")}
    case = ET.SubElement(suite, "testcase", names)
    if not reason.ok:
        tag = "failure" if reason.outcome is Outcome.FAIL else "error"
        told = {"type": reason.outcome.value, "message": _xml(reason.text)}
        ET.SubElement(case, tag, told).text = _xml(reason.text)


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)
