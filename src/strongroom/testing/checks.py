"""Asks one check about one system, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.assess.case import Case
from strongroom.assess.check import load_check
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome
from strongroom.governance.loader import Loaded


@dataclass(frozen=True, slots=True)
class Heard:
    """All that a check said."""

    findings: tuple[Finding, ...]
    metrics: Mapping[str, Metric]
    curves: Mapping[str, Curve]

    @property
    def outcome(self) -> Outcome:
        """The worst finding."""
        return Outcome.worst(finding.outcome for finding in self.findings)

    @property
    def rules(self) -> tuple[str, ...]:
        """The last word of each finding's rule."""
        return tuple(finding.rule.rpartition(".")[2] for finding in self.findings)


def ask(
    loaded: Loaded, check: str, settings: Mapping[str, Any] | None = None, *, seed: int = 0
) -> Heard:
    """Run the check of that name; what it raises comes through."""
    spec = load_check(check)
    case = Case(loaded, seed, spec.needs + spec.wants)
    said = tuple(spec.run(case, spec.configure(settings or {})))
    return Heard(
        tuple(s for s in said if isinstance(s, Finding)),
        {s.name: s for s in said if isinstance(s, Metric)},
        {s.name: s for s in said if isinstance(s, Curve)},
    )
