"""A campaign over many systems: what is to do, what is done, told by lines of a journal.

No I/O and no clock: the journal's lines go in, how things stand comes out.

    planned ── started ── ended        one round; every system is started and ends once
                  └── (killed) ── started ── ended

A round that was cut off goes on with the systems that have not ended. A system that was started
`MAX_STARTS` times and never ended is given up: it takes the machine down with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.domain.canonical import digest_of
from strongroom.domain.digests import Digest
from strongroom.domain.outcome import Outcome

MAX_STARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """Which systems, and what each is asked."""

    folders: tuple[str, ...]
    """Absolute, sorted, each once."""
    checks: tuple[str, ...]
    """Empty for all that is required."""
    profile: str
    seed: int

    @property
    def digest(self) -> Digest:
        """Names the campaign: the same scope goes on with the same journal."""
        return digest_of(self)


@dataclass(frozen=True, slots=True)
class Planned:
    """A round begins."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A worker takes a system."""

    folder: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A system is assessed, or cannot be."""

    folder: str
    at: datetime
    outcome: Outcome
    """Unknown where something went wrong."""
    system: str | None = None
    """As its manifest names it; None where that could not be read."""
    counts: tuple[int, int, int] = (0, 0, 0)
    """Checks that pass, fail and are unknown."""
    reused: int = 0
    """Of these, from evidence that was there."""
    problem: str | None = None
    """Why it was not assessed to the end."""


Line = Planned | Started | Ended


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest round stands."""

    ended: dict[str, Ended] = field(default_factory=dict)
    """By folder."""
    starts: dict[str, int] = field(default_factory=dict)
    """How often each was started in this round."""
    rounds: int = 0

    def left(self, folders: Sequence[str]) -> tuple[str, ...]:
        """To do, in order; what was never started comes before what may have been the killer."""
        open_ = [f for f in folders if f not in self.ended and not self.hopeless(f)]
        return tuple(sorted(open_, key=lambda f: self.starts.get(f, 0)))

    def hopeless(self, folder: str) -> bool:
        """Started too often, and never ended."""
        return folder not in self.ended and self.starts.get(folder, 0) >= MAX_STARTS

    def over(self, folders: Sequence[str]) -> bool:
        """Nothing is left, so the next run is a new round."""
        return self.rounds > 0 and all(f in self.ended for f in folders)


def standing(lines: Iterable[Line]) -> Standing:
    """Of the newest round."""
    ended: dict[str, Ended] = {}
    starts: dict[str, int] = {}
    rounds = 0
    for line in lines:
        match line:
            case Planned():
                rounds += 1
                ended, starts = {}, {}
            case Started(folder):
                starts[folder] = starts.get(folder, 0) + 1
            case Ended(folder):
                ended[folder] = line
    return Standing(ended, starts, rounds)


def remaining(seconds: Sequence[float], left: int, workers: int) -> timedelta | None:
    """About how long it still takes, by what systems took until now; None before any ended."""
    if not seconds:
        return None
    each = sum(seconds) / len(seconds)
    return timedelta(seconds=each * left / max(1, min(workers, left or 1)))
