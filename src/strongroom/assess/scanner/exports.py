"""Reports in the formats that other programs read: JSON, SARIF, JUnit, GitLab."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # writes only; nothing is parsed
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from strongroom import __version__
from strongroom.assess.scanner.report import FileReport, Hazard, Rating, printable
from strongroom.domain.canonical import canonical
from strongroom.domain.outcome import Severity

SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
GITLAB_VERSION: Final = "15.1.0"
"""Of GitLab's SAST report format."""
_LEVEL: Final = {Rating.BLOCK: "error", Rating.REVIEW: "warning", Rating.UNKNOWN: "warning"}
_GITLAB: Final = {
    Severity.INFO: "Info",
    Severity.LOW: "Low",
    Severity.MEDIUM: "Medium",
    Severity.HIGH: "High",
    Severity.CRITICAL: "Critical",
}


def document(reports: Sequence[FileReport]) -> Mapping[str, Any]:
    """The machine contract of `strongroom scan --format json`."""
    verdicts = Counter(report.verdict.value for report in reports)
    return {
        "files": [report.to_dict() for report in reports],
        "totals": {
            "files": len(reports),
            "findings": sum(len(report.findings) for report in reports),
            **{rating.value: verdicts[rating.value] for rating in Rating},
        },
    }


def sarif(reports: Sequence[FileReport]) -> bytes:
    """SARIF 2.1.0, one result for each hazard."""
    pairs = _pairs(reports)
    rules = sorted({hazard.rule for _, hazard in pairs})
    run = {
        "tool": {
            "driver": {
                "name": "Strongroom",
                "version": __version__,
                "rules": [{"id": rule, "name": rule} for rule in rules],
            }
        },
        "invocations": [
            {"executionSuccessful": all(r.verdict is not Rating.UNKNOWN for r in reports)}
        ],
        "results": [_result(report, hazard, rules) for report, hazard in pairs],
    }
    return canonical({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def junit(reports: Sequence[FileReport]) -> bytes:
    """JUnit XML, one case for each file: block is a failure, review and unknown are errors."""
    blocked = sum(report.verdict is Rating.BLOCK for report in reports)
    unsure = sum(report.verdict in {Rating.REVIEW, Rating.UNKNOWN} for report in reports)
    counts = {"tests": str(len(reports)), "failures": str(blocked), "errors": str(unsure)}
    suite = ET.Element("testsuite", {"name": "strongroom scan", **counts})
    for report in reports:
        case = ET.SubElement(
            suite, "testcase", {"classname": report.format, "name": printable(str(report.path))}
        )
        if report.verdict is not Rating.CLEAN:
            tag = "failure" if report.verdict is Rating.BLOCK else "error"
            said = [_line(h) for h in report.findings if h.rating is not Rating.CLEAN]
            ET.SubElement(
                case, tag, {"type": report.verdict.value, "message": said[0]}
            ).text = "\n".join(said)
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))


def gitlab(reports: Sequence[FileReport], *, started: datetime, ended: datetime) -> bytes:
    """GitLab's SAST report."""
    tool = {
        "id": "strongroom",
        "name": "Strongroom",
        "version": __version__,
        "vendor": {"name": "Strongroom"},
    }
    failed = any(report.verdict is Rating.UNKNOWN for report in reports)
    return canonical(
        {
            "version": GITLAB_VERSION,
            "scan": {
                "analyzer": tool,
                "scanner": tool,
                "type": "sast",
                "status": "failure" if failed else "success",
                "start_time": f"{started:%Y-%m-%dT%H:%M:%S}",
                "end_time": f"{ended:%Y-%m-%dT%H:%M:%S}",
            },
            "vulnerabilities": [_vulnerability(r, h) for r, h in _pairs(reports)],
        }
    )


def _pairs(reports: Sequence[FileReport]) -> list[tuple[FileReport, Hazard]]:
    return [(r, h) for r in reports for h in r.findings if h.rating is not Rating.CLEAN]


def _line(hazard: Hazard) -> str:
    place = f"{hazard.member} " if hazard.member else ""
    offset = "" if hazard.offset is None else f"@{hazard.offset} "
    return f"{hazard.rating.value}: {place}{offset}{hazard.message}" + (
        f" [{hazard.call}]" if hazard.call else ""
    )


def _result(report: FileReport, hazard: Hazard, rules: Sequence[str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": printable(report.path.as_posix())}}
    if hazard.offset is not None and not hazard.member:
        place["region"] = {"byteOffset": hazard.offset}
    location: dict[str, Any] = {"physicalLocation": place}
    if hazard.member:
        location["logicalLocations"] = [{"fullyQualifiedName": hazard.member}]
    return {
        "ruleId": hazard.rule,
        "ruleIndex": rules.index(hazard.rule),
        "level": _LEVEL[hazard.rating],
        "message": {"text": _line(hazard)},
        "locations": [location],
        "partialFingerprints": {"strongroom/v1": _fingerprint(report, hazard)},
        "properties": {
            "verdict": hazard.rating.value,
            "severity": hazard.severity.value,
            "attack": hazard.attack,
            "references": list(hazard.references),
        },
    }


def _vulnerability(report: FileReport, hazard: Hazard) -> dict[str, Any]:
    names = [n for n in hazard.references if n.startswith(("CWE-", "CVE-", "GHSA-"))]
    identifiers = [{"type": "strongroom", "name": hazard.rule, "value": hazard.rule}]
    identifiers += [{"type": n.partition("-")[0].lower(), "name": n, "value": n} for n in names]
    return {
        "id": _fingerprint(report, hazard),
        "name": hazard.rule,
        "description": _line(hazard),
        "severity": _GITLAB[hazard.severity],
        "location": {"file": printable(report.path.as_posix())},
        "identifiers": identifiers,
    }


def _fingerprint(report: FileReport, hazard: Hazard) -> str:
    parts = (printable(report.path.as_posix()), hazard.member, hazard.rule, hazard.call or "")
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
