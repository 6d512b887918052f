"""Figures of the paper: read from the statements of its runs, never typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from bench._paper.runs import Cell, cells
from bench._paper.systems import MODELS
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Curve, Evidence, Metric
from strongroom.domain.statement import Statement

NOT_RUN = "–"


@dataclass(frozen=True, slots=True)
class Run:
    """One statement."""

    evidence: Evidence
    digest: Digest
    """SHA-256 of its file."""


class Runs:
    """All that are there."""

    def __init__(self, found: Mapping[Cell, Run]) -> None:
        self._found = found

    @classmethod
    def read(cls) -> Runs:
        """From `docs/research/runs`; a file that was changed is refused by its own checks."""
        found = {}
        for cell in cells():
            if cell.file.exists():
                statement = Statement.parse(cell.file.read_bytes(), where=cell.file.name)
                found[cell] = Run(Evidence.from_statement(statement), statement.digest)
        return cls(found)

    @cached_property
    def missing(self) -> tuple[Cell, ...]:
        """What has not been run."""
        return tuple(cell for cell in cells() if cell not in self._found)

    def all(self) -> Iterator[tuple[Cell, Run]]:
        """Those that are there, in their order."""
        return ((cell, self._found[cell]) for cell in cells() if cell in self._found)

    def get(self, source: str, model: str, check: str) -> Run | None:
        """The run of that system under that check."""
        return self._found.get(Cell(source, model, check))

    def metric(self, source: str, model: str, check: str, name: str) -> Metric | None:
        """A figure of that run."""
        run = self.get(source, model, check)
        return run.evidence.metric(name) if run else None

    def curve(self, source: str, model: str, check: str, name: str) -> Curve | None:
        """A curve of that run."""
        run = self.get(source, model, check)
        curves = run.evidence.curves if run else ()
        return next((c for c in curves if c.name == name), None)

    def words(self, source: str, model: str, check: str, name: str) -> str:
        """`.60 [.53, .67]`, `1 [.92, 1]`, or a dash where it was not run or not told."""
        return words(self.metric(source, model, check, name))

    def extremes(self, check: str, name: str) -> tuple[str, str]:
        """`.00 (LightGBM, Cards)` of the least and the greatest value over all systems."""
        found = [
            (m.value, f"{short(m.value)} ({MODELS[c.model][0]}, {c.source})")
            for c, run in self.all()
            if c.check == check and (m := run.evidence.metric(name))
        ]
        return (min(found)[1], max(found)[1]) if found else (NOT_RUN, NOT_RUN)


def words(metric: Metric | None) -> str:
    """A figure with its interval."""
    if metric is None:
        return NOT_RUN
    if metric.low == metric.high:
        return short(metric.value)
    return f"{short(metric.value)} [{short(metric.low)}, {short(metric.high)}]"


def short(value: float) -> str:
    """Two digits after the point without the zero before it; three below a tenth."""
    if abs(value) >= 10:
        return f"{value:,.0f}"
    digits = 3 if 0 < abs(value) < 0.1 else 2
    text = f"{value:.{digits}f}"
    return (
        text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text
    )
