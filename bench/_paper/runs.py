"""The runs: every system under every check, as evidence in a home of their own.

The home is the cache. Evidence about the same digests with the same settings and seed is used
again, so a run that was killed goes on with the first check that is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from bench._paper.systems import MODELS, prepare
from bench._paper.tables import SEED, SOURCES, Source, present
from strongroom.assess.assessing import assess
from strongroom.assess.home_store import HomeStore
from strongroom.assess.runner import Assessed, Plan
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import MANIFEST, load_manifest
from strongroom.home.home import Home

OUT: Final = Path(__file__).parents[1] / "out/whitepaper"
RECORD: Final = Path(__file__).parents[2] / "docs/research/runs"
CHECKS: Final = (
    "robustness.evasion_budget",
    "privacy.membership",
    "robustness.poisoning_swallowed",
    "robustness.extraction",
    "performance.discrimination",
    "robustness.evasion_attacks",
)
LIMIT: Final = 2 * 3600.0
"""Seconds for one check."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One system under one check."""

    source: str
    model: str
    check: str

    @property
    def file(self) -> Path:
        """Where its statement is kept."""
        return RECORD / f"{self.source}-{self.model}-{self.check}.json"


def cells() -> Iterator[Cell]:
    """All of them, model by model, so that a run that is cut short has whole models."""
    for model in MODELS:
        for check in CHECKS:
            for source in SOURCES:
                yield Cell(source, model, check)


def run_all(only: Collection[str] = ()) -> None:
    """Run what is missing, and keep each statement: its SHA-256 is the digest that is cited.

    `only` names models and checks, none for all: several processes may each run their part.
    """
    RECORD.mkdir(parents=True, exist_ok=True)
    catalog = load_catalog()
    with Home.open(OUT / "home", create=True) as home:
        for cell in cells():
            if not _wanted(cell, only) or not present(cell.source):
                continue
            (made,) = assess(
                load_manifest(_system(cell)),
                catalog,
                Plan(seed=SEED, time_limit=LIMIT),
                store=HomeStore(home),
                now=home.clock,
                watch=Line(),
                names=(cell.check,),
            )
            if made.evidence.stopped is None:
                cell.file.write_bytes(made.evidence.to_statement().payload())


def _wanted(cell: Cell, only: Collection[str]) -> bool:
    models, checks = set(only) & set(MODELS), set(only) & set(CHECKS)
    return cell.model in (models or MODELS) and cell.check in (checks or CHECKS)


class Line:
    """A line on stderr for each run that is over."""

    def started(self, check: str) -> None:
        """Nothing to say yet."""

    def progressed(self, check: str, done: int, total: int) -> None:
        """Nothing to say yet."""

    def ended(self, assessed: Assessed) -> None:
        """What, how it ended, how long it took."""
        one = assessed.evidence
        seconds = (one.recorded_at - one.effective_at).total_seconds()
        how = "kept" if assessed.reused else f"{seconds:.0f} s"
        print(f"{one.system} {one.check}: {one.outcome}, {how}", file=sys.stderr, flush=True)


def _system(cell: Cell) -> Path:
    """Its manifest; the folder is made at the first call."""
    folder = OUT / "systems" / f"{cell.source}-{cell.model}"
    whole = (folder / MANIFEST).exists()
    return folder / MANIFEST if whole else prepare(folder, _source(cell.source), cell.model)


@cache
def _source(key: str) -> Source:
    return SOURCES[key]()


if __name__ == "__main__":
    run_all(sys.argv[1:])
