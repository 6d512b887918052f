"""Holds what a check measured against the bounds in force: one finding for each bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from strongroom.domain.evidence import CheckId, Finding, Metric, Threshold, threshold_rule
from strongroom.domain.outcome import Outcome, Severity

_SEVERITY = {
    Outcome.PASS: Severity.INFO,
    Outcome.UNKNOWN: Severity.MEDIUM,
    Outcome.FAIL: Severity.HIGH,
}


def judged(
    check: CheckId, thresholds: Iterable[Threshold], metrics: Sequence[Metric]
) -> Iterator[Finding]:
    """A finding for each threshold, with the figures in its message."""
    for threshold in thresholds:
        bound = threshold.among(metrics)
        outcome = threshold.judge_all(metrics)
        worst = [m for m in bound if threshold.judge(m) is outcome]
        yield Finding(
            threshold_rule(check),
            outcome,
            _message(threshold, worst, outcome),
            _SEVERITY[outcome],
            where=threshold.metric,
            facts={"source": threshold.source, "metrics": [m.name for m in worst]},
        )


def figure(metric: Metric) -> str:
    """`auc 0.913 [0.902, 0.924]`, or only the value where it was counted."""
    if metric.low == metric.value == metric.high:
        return f"{metric.name} {metric.value:.4g}"
    return f"{metric.name} {metric.value:.3g} [{metric.low:.3g}, {metric.high:.3g}]"


def _message(threshold: Threshold, worst: Sequence[Metric], outcome: Outcome) -> str:
    wanted = str(threshold).removeprefix(threshold.metric).strip()
    if not worst:
        return f"{threshold.metric} was not measured, required {wanted}"
    figures = ", ".join(figure(m) for m in worst[:5])
    more = f" and {len(worst) - 5} more" if len(worst) > 5 else ""
    verdict = {
        Outcome.PASS: "meets",
        Outcome.FAIL: "does not meet",
        Outcome.UNKNOWN: "has too wide an interval to tell whether it meets",
    }[outcome]
    return f"{figures}{more} {verdict} {wanted}"
