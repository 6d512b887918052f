"""Where in a file the scanner is, and how it goes deeper."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Bomb, Budget, Stream
from strongroom.domain.errors import LimitError
from strongroom.domain.outcome import Severity


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one stream is and what is wrong with it."""

    format: str
    hazards: tuple[Hazard, ...] = ()


Scan: TypeAlias = Callable[["Stream", "Place"], Scanned]


@dataclass(frozen=True, slots=True)
class Place:
    """A stream's place: the file, the path inside it, and the budget that it shares."""

    path: Path
    budget: Budget
    inner: Scan = field(repr=False)
    """Detects and scans a stream; formats call it through `descend`."""
    member: str = ""
    depth: int = 0

    def descend(self, stream: Stream, name: str, read: Scan | None = None) -> Scanned:
        """Scan what lies inside under `name`, with its hazards placed there.

        `read` is for a format that is known already.
        Raises LimitError when containers are nested too deeply.
        """
        if self.depth >= self.budget.limits.depth:
            raise Bomb(f"containers nested more than {self.budget.limits.depth} deep")
        member = f"{self.member}!{name}" if self.member else name
        there = replace(self, member=member, depth=self.depth + 1)
        scanned = (read or self.inner)(stream, there)
        return Scanned(scanned.format, tuple(_at(h, member) for h in scanned.hazards))

    def descend_bytes(self, data: bytes, name: str) -> Scanned:
        """The same for bytes in memory."""
        return self.descend(Stream(BytesIO(data), self.budget, seekable=True), name)


def _at(hazard: Hazard, member: str) -> Hazard:
    return hazard if hazard.member else replace(hazard, member=member)


def unjudged(
    rule: str, message: str, *, offset: int | None = None, fix: str | None = None
) -> Hazard:
    """A hazard that says: this could not be told."""
    return Hazard(rule, Rating.UNKNOWN, message, Severity.MEDIUM, offset, fix=fix)


def over(error: LimitError) -> Hazard:
    """A limit was passed: what was found before stands, the rest is not judged."""
    if isinstance(error, Bomb):
        return odd(
            "limit.bomb",
            error.what,
            attack="resource_exhaustion",
            references=("CWE-409",),
            rating=Rating.BLOCK,
        )
    return unjudged("limit", f"not judged to the end: {error.what}")


def odd(
    rule: str,
    message: str,
    *,
    offset: int | None = None,
    attack: str | None = None,
    references: Iterable[str] = (),
    rating: Rating = Rating.REVIEW,
    severity: Severity | None = None,
    call: str | None = None,
    fix: str | None = None,
) -> Hazard:
    """A hazard of the given rating, with the usual severity for it."""
    usual = Severity.HIGH if rating is Rating.BLOCK else Severity.MEDIUM
    return Hazard(
        rule,
        rating,
        message,
        severity or usual,
        offset,
        attack=attack,
        references=tuple(references),
        call=call,
        fix=fix,
    )
