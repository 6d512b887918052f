"""Asks one check in this process, and gives what it said in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.assess.case import Case
from strongroom.assess.check import load_check
from strongroom.assess.history import History
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome
from strongroom.governance.loader import Loaded
from strongroom.testing.systems import Workshop


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a check said."""

    findings: tuple[Finding, ...]
    metrics: Mapping[str, Metric]
    curves: Mapping[str, Curve]

    @property
    def outcome(self) -> Outcome:
        """The worst finding."""
        return Outcome.worst(f.outcome for f in self.findings)

    @property
    def rules(self) -> tuple[str, ...]:
        """The last part of each finding's rule."""
        return tuple(f.rule.rpartition(".")[2] for f in self.findings)

    @property
    def broken(self) -> set[str]:
        """Last parts of the rules that did not pass."""
        return {f.rule.rpartition(".")[2] for f in self.findings if f.outcome is not Outcome.PASS}


def ask(
    about: Workshop | Loaded,
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    scratch: Path | None = None,
    history: History | None = None,
) -> Answer:
    """Run the check on the system as it stands. Raises what the check raises."""
    spec = load_check(name)
    case = Case(
        about.load() if isinstance(about, Workshop) else about,
        seed,
        spec.needs + spec.wants,
        scratch=scratch,
        history=history or History(),
    )
    said = tuple(spec.run(case, spec.configure(settings or {})))
    return Answer(
        tuple(s for s in said if isinstance(s, Finding)),
        {s.name: s for s in said if isinstance(s, Metric)},
        {s.name: s for s in said if isinstance(s, Curve)},
    )
