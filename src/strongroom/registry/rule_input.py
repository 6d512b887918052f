"""What a rule of the house's own is shown: `input` in Rego.

Everything in it was vouched for and is about exactly the digests in question. Times are whole
seconds since 1970 (numbers, because rego-cpp has no `time.parse_rfc3339_ns`).

    system, stage, now, trained_by
    manifest       as declared in strongroom.yaml
    subjects       {name: digest}
    evidence       {check: {version, outcome, stopped, by, effective_at, expires_at,
                    metrics: [{name, value, low, high, unit}],
                    findings: [{rule, outcome, severity, message}]}}
    approvals      [{by, at, expires_at, statement}]
    requirements   {id: {outcome, waived}} of the catalog, as this gate judged them
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from strongroom.domain.canonical import Json
from strongroom.domain.decision import Approval, Reason
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Evidence
from strongroom.registry.candidate import Candidate, Signed


@dataclass(frozen=True, slots=True)
class Counting:
    """The records that speak about this version now."""

    evidence: Mapping[str, Signed[Evidence]]
    """The newest by check."""
    approvals: tuple[Signed[Approval], ...]

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Of all of them."""
        signed = [*(self.evidence[name].digest for name in sorted(self.evidence))]
        return (*signed, *(approval.digest for approval in self.approvals))


def rule_input(
    candidate: Candidate, counting: Counting, reasons: Iterable[Reason], now: datetime
) -> Mapping[str, Json]:
    """The document; see the module."""
    return {
        "system": candidate.system,
        "stage": candidate.stage.value,
        "now": int(now.timestamp()),
        "trained_by": candidate.trained_by,
        "manifest": candidate.manifest,
        "subjects": {s.name: str(s.digest) for s in candidate.subjects},
        "evidence": {name: _evidence(signed) for name, signed in counting.evidence.items()},
        "approvals": [
            {
                "by": approval.by,
                "at": int(approval.record.at.timestamp()),
                "expires_at": int(approval.record.expires_at.timestamp()),
                "statement": approval.record.statement,
            }
            for approval in counting.approvals
        ],
        "requirements": {
            reason.requirement: {
                "outcome": reason.outcome.value,
                "waived": reason.waiver is not None,
            }
            for reason in reasons
        },
    }


def _evidence(signed: Signed[Evidence]) -> Json:
    evidence = signed.record
    return {
        "version": evidence.check.version,
        "outcome": evidence.outcome.value,
        "stopped": evidence.stopped,
        "by": signed.by,
        "effective_at": int(evidence.effective_at.timestamp()),
        "expires_at": int(evidence.expires_at.timestamp()),
        "metrics": [
            {"name": m.name, "value": m.value, "low": m.low, "high": m.high, "unit": m.unit}
            for m in evidence.metrics
        ],
        "findings": [
            {
                "rule": f.rule,
                "outcome": f.outcome.value,
                "severity": f.severity.value,
                "message": f.message,
            }
            for f in evidence.findings
        ],
    }
