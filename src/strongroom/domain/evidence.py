"""Evidence: all that one check said about some subjects, at one time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.statement import Statement, Subject

EVIDENCE_TYPE: Final = "urn:strongroom:evidence:v1"
_CHECK_ID: Final = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)@([1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True, order=True)
class CheckId:
    """The author's name for a check and the version of its meaning: `privacy.membership@1`."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> CheckId:
        """Read `room.name@version`. Raises InputError."""
        match = _CHECK_ID.match(text)
        if not match:
            raise InputError(f"not a check id: {text!r}", fix="write it like data.schema@1")
        return cls(match[1], int(match[2]))


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement about one place."""

    rule: str
    """What was judged, dotted under the check's name: `data.schema.missing_column`."""
    outcome: Outcome
    message: str
    """For people: what, where, and why it matters, in one or two sentences."""
    severity: Severity = Severity.MEDIUM
    where: str | None = None
    """A path, column, row range or byte offset that the reader can go to."""
    fix: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values that support the judgement; never personal data or secrets."""
    references: tuple[str, ...] = ()
    """`CWE-502`, `ATLAS AML.T0018`, advisory ids, clauses."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure with its confidence interval."""

    name: str
    """`auc`, `recall@fpr=0.01`, `success[payer,2]`: unique within one evidence."""
    value: float
    low: float
    """Lower end of the interval; equal to `value` where the figure is exact."""
    high: float
    n: int
    """Rows, groups or trials it rests on."""
    unit: str = ""
    confidence: float = 0.95
    method: str = ""
    """How the interval was made: `bootstrap 1000`, `Wilson`, `exact`."""

    def __post_init__(self) -> None:
        numbers = (self.value, self.low, self.high)
        if not all(math.isfinite(x) for x in numbers) or not self.low <= self.value <= self.high:
            raise InputError(
                f"metric {self.name}: {self.low} ≤ {self.value} ≤ {self.high} does not hold",
                fix="a figure that could not be computed is an UNKNOWN finding, not a metric",
            )

    @classmethod
    def exact(cls, name: str, value: float, n: int, unit: str = "") -> Metric:
        """A figure that was counted, not estimated."""
        return cls(name, value, value, value, n, unit, 1.0, "exact")


@dataclass(frozen=True, slots=True)
class Curve:
    """A line that people would rather look at than read; at most a few hundred points."""

    name: str
    x_label: str
    y_label: str
    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float], ...] = ()
    """Lower and upper y of the interval, one pair for each point, or nothing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one check said about some subjects, at one time."""

    system: str
    check: CheckId
    configuration: Digest
    """Of the settings and seed that the check ran with."""
    subjects: tuple[Subject, ...]
    """Every digest that was looked at."""
    findings: tuple[Finding, ...]
    metrics: tuple[Metric, ...]
    effective_at: datetime
    """The time the evidence speaks of: when the check looked."""
    recorded_at: datetime
    expires_at: datetime
    curves: tuple[Curve, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Names and versions of what the figures depend on: python, packages, platform, seed."""
    stopped: str | None = None
    """Why the check did not end (crash, time-out), else None."""

    @property
    def outcome(self) -> Outcome:
        """The worst finding; a check that said nothing, or did not end, proves nothing."""
        said = [f.outcome for f in self.findings]
        if self.stopped is not None:
            said.append(Outcome.UNKNOWN)
        return Outcome.worst(said)

    @property
    def own_findings(self) -> tuple[Finding, ...]:
        """What the check itself judged, without the thresholds in force when it ran.

        A gate counts these and holds the metrics against the thresholds in force when it decides.
        """
        return tuple(f for f in self.findings if f.rule != threshold_rule(self.check))

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, if it was said."""
        return next((m for m in self.metrics if m.name == name), None)

    def to_statement(self) -> Statement:
        """As an in-toto statement."""
        predicate = plain(self)
        del predicate["subjects"]
        predicate["check"] = str(self.check)
        predicate["outcome"] = self.outcome.value
        return Statement(EVIDENCE_TYPE, self.subjects, predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Evidence:
        """Read back; refuses a statement whose outcome is not what its findings say."""
        if statement.predicate_type != EVIDENCE_TYPE:
            raise InputError(f"not evidence: {statement.predicate_type}")
        p = statement.predicate
        try:
            evidence = cls(
                system=p["system"],
                check=CheckId.parse(p["check"]),
                configuration=Digest.parse(p["configuration"]),
                subjects=statement.subjects,
                findings=tuple(_finding(f) for f in p["findings"]),
                metrics=tuple(Metric(**_numbers(m)) for m in p["metrics"]),
                effective_at=parse_time(p["effective_at"]),
                recorded_at=parse_time(p["recorded_at"]),
                expires_at=parse_time(p["expires_at"]),
                curves=tuple(_curve(c) for c in p["curves"]),
                environment=dict(p["environment"]),
                stopped=p["stopped"],
            )
            said = Outcome(p["outcome"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"malformed evidence: {error!r}") from error
        if said is not evidence.outcome:
            raise InputError(f"evidence says {said}, its findings say {evidence.outcome}")
        return evidence


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on a metric, which the bad end of its interval must meet."""

    metric: str
    """A metric's name; `*` stands for any text: `tpr_gap[*]` binds every attribute."""
    at_least: float | None = None
    at_most: float | None = None
    source: str = "our proposal"
    """Standard, paper or clause that the bound comes from."""

    def among(self, metrics: Iterable[Metric]) -> tuple[Metric, ...]:
        """The metrics that this binds."""
        pattern = re.compile(".*".join(map(re.escape, self.metric.split("*"))))
        return tuple(m for m in metrics if pattern.fullmatch(m.name))

    def judge_all(self, metrics: Iterable[Metric]) -> Outcome:
        """The worst over every metric it binds; binding none proves nothing."""
        return Outcome.worst(self.judge(m) for m in self.among(metrics))

    def judge(self, metric: Metric | None) -> Outcome:
        """Pass by the bad end; fail by the point estimate; between them, too few rows to tell."""
        if metric is None or (self.at_least is None and self.at_most is None):
            return Outcome.UNKNOWN
        outcomes = []
        if self.at_least is not None:
            outcomes.append(_side(metric.value - self.at_least, metric.low - self.at_least))
        if self.at_most is not None:
            outcomes.append(_side(self.at_most - metric.value, self.at_most - metric.high))
        return Outcome.worst(outcomes)

    @property
    def bounds(self) -> str:
        """For people: `≥ 0.8`, `≤ 0.05`, or both."""
        low = f"≥ {self.at_least:g}" if self.at_least is not None else ""
        high = f"≤ {self.at_most:g}" if self.at_most is not None else ""
        return " and ".join(filter(None, (low, high)))

    def __str__(self) -> str:
        return f"{self.metric} {self.bounds}"


def threshold_rule(check: CheckId) -> str:
    """The rule under which the runner reports a threshold, apart from the check's own rules."""
    return f"{check.name}.threshold"


def tightest(thresholds: Iterable[Threshold]) -> Threshold:
    """The one bound that implies all the given bounds on the same metric."""
    bounds = list(thresholds)
    lows = [t.at_least for t in bounds if t.at_least is not None]
    highs = [t.at_most for t in bounds if t.at_most is not None]
    if len({t.metric for t in bounds}) != 1:
        raise InputError("only bounds on one metric can be joined")
    return Threshold(
        bounds[0].metric,
        max(lows, default=None),
        min(highs, default=None),
        "; ".join(dict.fromkeys(t.source for t in bounds)),
    )


def _side(point: float, bad_end: float) -> Outcome:
    if bad_end >= 0:
        return Outcome.PASS
    return Outcome.FAIL if point < 0 else Outcome.UNKNOWN


def _finding(raw: Mapping[str, Any]) -> Finding:
    return Finding(
        **{
            **raw,
            "outcome": Outcome(raw["outcome"]),
            "severity": Severity(raw["severity"]),
            "references": tuple(raw["references"]),
        }
    )


def _numbers(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("value", "low", "high", "confidence"):
        if isinstance(raw[name], bool) or not isinstance(raw[name], int | float):
            raise InputError(f"metric field {name} is not a number: {raw[name]!r}")
    return raw


def _curve(raw: Mapping[str, Any]) -> Curve:
    return Curve(
        raw["name"],
        raw["x_label"],
        raw["y_label"],
        tuple((x, y) for x, y in raw["points"]),
        tuple((low, high) for low, high in raw["band"]),
    )
