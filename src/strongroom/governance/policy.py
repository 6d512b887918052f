"""The policy in force as a document: what was required, by which checks, within which bounds.

A decision names it by digest, and an audit bundle carries it, so that anybody can decide again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from strongroom.domain.canonical import Json, digest_of, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import CheckId, Threshold
from strongroom.governance.applicability import Applied
from strongroom.governance.requirement import Need, Requirement


def policy_document(applied: Sequence[Applied]) -> Json:
    """What is in force, as JSON: requirements, checks, thresholds, approvals, own rules."""
    return [
        {
            "requirement": a.requirement.id,
            "title": a.requirement.title,
            "statement": a.requirement.statement,
            "approvals": a.approvals,
            "references": [plain(reference) for reference in a.requirement.references],
            "needs": [
                {
                    "check": str(need.check),
                    "thresholds": [_bound(t) for t in need.thresholds],
                    "max_age_days": need.max_age.days,
                }
                for need in a.needs
            ],
            **({"rego": a.rule} if a.rule is not None else {}),
        }
        for a in applied
    ]


def policy_digest(applied: Sequence[Applied]) -> Digest:
    """What a decision names the policy by."""
    return digest_of(policy_document(applied))


def read_policy(document: Json) -> tuple[Applied, ...]:
    """Read back what the gate needs to decide again. Raises InputError."""
    try:
        return tuple(_applied(raw) for raw in document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"malformed policy: {error!r}") from error


def _bound(threshold: Threshold) -> Json:
    return {
        "metric": threshold.metric,
        "at_least": threshold.at_least,
        "at_most": threshold.at_most,
        "source": threshold.source,
    }


def _applied(raw: Mapping[str, Any]) -> Applied:
    requirement = Requirement(raw["requirement"], raw["title"], raw["statement"], ())
    needs = tuple(
        Need(
            CheckId.parse(need["check"]),
            tuple(Threshold(**t) for t in need["thresholds"]),
            timedelta(days=need["max_age_days"]),
        )
        for need in raw["needs"]
    )
    rule = raw.get("rego")
    if not isinstance(rule, str | None):
        raise TypeError("a rule that is no text")
    return Applied(requirement, "", needs, raw["approvals"], rule=rule)
