"""The model passport: what the system is, every figure with its interval, the decision, what next.

`compose` gathers what the documents show into one frozen record of plain values; `render.py` and
`charts.py` turn it into HTML and PDF. Nothing in it is typed in by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.domain.decision import Decision
from strongroom.domain.evidence import Curve, Evidence, Finding, Metric, Threshold
from strongroom.domain.outcome import Outcome
from strongroom.domain.statement import Subject
from strongroom.governance.applicability import Applied
from strongroom.governance.manifest import System
from strongroom.governance.requirement import Framework, Requirement
from strongroom.report.attacks import Attack, attack_of

MAX_TELLING: Final = 3
"""Figures of an attack that a summary has room for."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric beside the bounds that it must meet."""

    metric: Metric
    bounds: tuple[Threshold, ...]
    outcome: Outcome | None
    """None where no requirement bounds it."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one check said."""

    check: str
    outcome: Outcome
    digest: str
    figures: tuple[Figure, ...]
    findings: tuple[Finding, ...]
    """The check's own; thresholds stand beside their figures."""
    curves: tuple[Curve, ...]
    subjects: tuple[Subject, ...]
    recorded_at: datetime
    expires_at: datetime
    stopped: str | None
    environment: Mapping[str, str]
    attack: Attack | None
    """Threat, method, budget, verdict and limits, where the check is an attack."""

    @property
    def telling(self) -> tuple[Figure, ...]:
        """Figures for a summary: those that are bounded, else the first that was estimated."""
        bounded = tuple(f for f in self.figures if f.bounds)
        estimated = tuple(f for f in self.figures if f.metric.low < f.metric.high)
        return bounded[:MAX_TELLING] or estimated[:1]


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement of the decision."""

    id: str
    title: str
    outcome: Outcome
    waived: bool
    text: str
    evidence: tuple[str, ...]
    references: tuple[str, ...]
    """One a framework: `NIST SP 800-53 Rev. 5: AC-5, CM-3`."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Passport:
    """Everything that the documents show."""

    system: System
    subjects: tuple[Subject, ...]
    decision: Decision | None
    lines: tuple[Line, ...]
    sections: tuple[Section, ...]
    next_steps: tuple[Step, ...]
    cited: tuple[Framework, ...]
    """The frameworks that the requirements refer to, each with its edition."""
    at: datetime

    @property
    def attacks(self) -> tuple[Section, ...]:
        """The sections of attacks, which somebody has to sign."""
        return tuple(s for s in self.sections if s.attack is not None)


def compose(
    system: System,
    subjects: tuple[Subject, ...],
    decision: Decision | None,
    evidence: Sequence[Evidence],
    applied: Sequence[Applied],
    frameworks: Mapping[str, Framework],
    at: datetime,
) -> Passport:
    """Gather; the newest evidence of each check counts."""
    newest: dict[str, Evidence] = {}
    for said in sorted(evidence, key=lambda e: e.effective_at):
        newest[said.check.name] = said
    bounds = _bounds(applied)
    sections = tuple(
        _section(newest[name], bounds.get(name, ()), system) for name in sorted(newest)
    )
    lines = _lines(decision, applied, frameworks)
    cited = sorted({r.framework for a in applied for r in a.requirement.references})
    return Passport(
        system,
        subjects,
        decision,
        lines,
        sections,
        _next(lines, sections),
        tuple(frameworks[key] for key in cited),
        at,
    )


def _bounds(applied: Sequence[Applied]) -> dict[str, tuple[Threshold, ...]]:
    found: dict[str, list[Threshold]] = {}
    for requirement in applied:
        for need in requirement.needs:
            known = found.setdefault(need.check.name, [])
            known.extend(t for t in need.thresholds if t not in known)
    return {name: tuple(thresholds) for name, thresholds in found.items()}


def _section(said: Evidence, bounds: Sequence[Threshold], system: System) -> Section:
    return Section(
        check=str(said.check),
        outcome=said.outcome,
        digest=str(said.to_statement().digest),
        figures=tuple(_figure(metric, bounds) for metric in said.metrics),
        findings=said.own_findings,
        curves=said.curves,
        subjects=said.subjects,
        recorded_at=said.recorded_at,
        expires_at=said.expires_at,
        stopped=said.stopped,
        environment=said.environment,
        attack=attack_of(said, system),
    )


def _figure(metric: Metric, bounds: Sequence[Threshold]) -> Figure:
    binding = tuple(t for t in bounds if t.among([metric]))
    outcome = Outcome.worst(t.judge(metric) for t in binding) if binding else None
    return Figure(metric, binding, outcome)


def _lines(
    decision: Decision | None, applied: Sequence[Applied], frameworks: Mapping[str, Framework]
) -> tuple[Line, ...]:
    known = {a.requirement.id: a.requirement for a in applied}
    return tuple(
        Line(
            id=reason.requirement,
            title=known[reason.requirement].title,
            outcome=reason.outcome,
            waived=reason.waiver is not None,
            text=reason.text,
            evidence=tuple(str(d) for d in reason.evidence),
            references=_references(known[reason.requirement], frameworks),
        )
        for reason in (decision.reasons if decision else ())
        if reason.requirement in known
    )


def _references(requirement: Requirement, frameworks: Mapping[str, Framework]) -> tuple[str, ...]:
    ids: dict[str, list[str]] = {}
    for reference in requirement.references:
        ids.setdefault(reference.framework, []).append(reference.id)
    return tuple(f"{frameworks[key].title}: {', '.join(ids[key])}" for key in ids)


def _next(lines: Sequence[Line], sections: Sequence[Section]) -> tuple[Step, ...]:
    """First what the checks advise, then the requirements that nothing advises on."""
    steps = {
        finding.fix: Step(finding.fix, finding.message)
        for section in sections
        for finding in section.findings
        if finding.fix and finding.outcome is not Outcome.PASS
    }
    open_lines = [line for line in lines if line.outcome is not Outcome.PASS and not line.waived]
    return (
        *steps.values(),
        *(Step(f"Meet {line.id}: {line.title}", line.text) for line in open_lines),
    )
