"""From files to a session: policy, pins, record."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from strongroom.guard.detectors.catalog import roster
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.gateway.events import Both, FileSink
from strongroom.guard.gateway.workers import Workers
from strongroom.guard.mcp.journal import Journal
from strongroom.guard.mcp.listing import Listing
from strongroom.guard.mcp.pins import Pins, read_pins
from strongroom.guard.mcp.session import Session
from strongroom.guard.policy import default_policy, load_policy
from strongroom.guard.records import Source
from strongroom.guard.tools.judge import Warden


@dataclass(frozen=True, slots=True)
class Setup:
    """All that sessions with one server share."""

    journal: Journal
    pins: Pins | None
    warden: Warden | None
    notes: tuple[str, ...]

    def session(self) -> Session:
        """A new conversation."""
        listing = Listing(self.journal.server, self.pins, self.journal)
        return Session(self.journal, listing, self.journal.guard.policy.file.mcp, self.warden)


def set_up(
    server: str, *, policy_file: Path | None, pins_file: Path | None, record: Path | None
) -> Setup:
    """Read everything. Raises what is wrong with the first that is broken."""
    policy = default_policy() if policy_file is None else load_policy(policy_file)
    there = roster(policy.file.model)
    guard = Guard(policy, there.detectors, _today, Workers().run_for(policy))
    guard.judge(Question("é 1", Source.CONTEXT))  # reads tables now, not on a message's time
    sink = FileSink(record) if record else Both(())
    journal = Journal(guard, sink, server, os.urandom(32), _now, _new_id)
    pins = read_pins(pins_file) if pins_file else None
    rules = policy.file.tools
    return Setup(journal, pins, Warden(rules) if rules else None, there.notes)


def _now() -> datetime:
    return datetime.now(UTC)


def _today() -> date:
    return _now().date()


def _new_id() -> str:
    return f"sr_{secrets.token_hex(12)}"
