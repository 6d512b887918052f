"""Homes and statements for tests, with a clock that does what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.domain.digests import sha256
from strongroom.domain.statement import Statement, Subject

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
NOTE_TYPE = "urn:strongroom:test-note:v1"


@dataclass(slots=True)
class HandClock:
    """Each look at it is one second later; `advance` moves it by hand."""

    now: datetime = START

    def __call__(self) -> datetime:
        """The time."""
        self.now += timedelta(seconds=1)
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


def note(text: str, *, system: str = "fraud") -> Statement:
    """A statement that means nothing."""
    subject = Subject("note", sha256(text.encode()))
    return Statement(NOTE_TYPE, (subject,), {"system": system, "text": text})
