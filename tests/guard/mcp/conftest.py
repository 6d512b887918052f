"""A small server of ours, a guard before it, and the official client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

pytest.importorskip("mcp", reason="needs the gateway extra")

from strongroom.guard.drivers import Guard
from strongroom.guard.gateway.events import Decided
from strongroom.guard.mcp.journal import Journal
from strongroom.guard.mcp.listing import Listing
from strongroom.guard.mcp.pins import Pins
from strongroom.guard.mcp.session import Session
from strongroom.guard.policy import read_policy
from strongroom.guard.tools.judge import Warden


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Decided] = []

    def record(self, event: Decided) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def make_session(detectors) -> Callable[..., Session]:
    """A session of a policy, with pins or without."""

    def make(policy: str = "", pins: Pins | None = None, sink: Kept | None = None) -> Session:
        own = read_policy(f"version: 1\nmodel: off\n{policy}".encode())
        guard = Guard(own, detectors, lambda: date(2026, 11, 22))
        journal = Journal(
            guard, sink or Kept(), "payments", b"k" * 32,
            lambda: datetime(2026, 11, 22, tzinfo=UTC), lambda: "sr_1",
        )  # fmt: skip
        rules = own.file.tools
        listing = Listing("payments", pins, journal)
        return Session(journal, listing, own.file.mcp, Warden(rules) if rules else None)

    return make
