"""Adds to a verdict what something besides the detectors found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.policy import Policy
from strongroom.guard.records import Action, Detection, Source, hardest


def with_found(
    verdict: Verdict, found: Sequence[Detection], source: Source, policy: Policy
) -> Verdict:
    """A verdict with further detections, and what the policy does about them."""
    if not found:
        return verdict
    counted = [d.score for d in found if policy.steps(d.kind, source) is not None]
    would = hardest(policy.action_on(d, source) for d in found)
    return replace(
        with_action(verdict, would, policy),
        score=max((verdict.score, *counted)),
        detections=(*verdict.detections, *found),
    )


def with_failure(verdict: Verdict, failure: str, policy: Policy) -> Verdict:
    """A verdict with something that could not be told."""
    failed = with_action(verdict, policy.on_failure, policy)
    return replace(failed, failures=(*verdict.failures, failure))


def with_action(verdict: Verdict, would: Action, policy: Policy) -> Verdict:
    """A verdict with an action that is taken where the policy is enforced."""
    done = would if policy.enforce else min(would, Action.FLAG, key=lambda a: a.rank)
    return replace(
        verdict, action=hardest((verdict.action, done)), would=hardest((verdict.would, would))
    )
