"""A line of the ledger: one JSON object that names one signed statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.domain.canonical import canonical, parse_json, parse_time, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.predicates import system_in
from strongroom.domain.statement import Statement

MAX_LEAF: Final = 64 * 1024 - 1
"""Bytes: C2SP entry bundles give lengths in 16 bits."""
_TELLING: Final = ("check", "outcome", "verdict", "action", "stage", "requirement", "name")
"""Predicate fields that people recognise a statement by."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the ledger says about one statement."""

    kind: str
    """Predicate type."""
    statement: Digest
    envelope: Digest
    system: str | None
    summary: str
    """For people's eyes; what counts is in the statement."""
    at: datetime

    @classmethod
    def of(cls, statement: Statement, envelope: Digest, at: datetime) -> Leaf:
        """The leaf of a signed statement that is recorded at that time."""
        system = system_in(statement.predicate_type, statement.predicate)
        said = [statement.predicate.get(name) for name in _TELLING]
        return cls(
            statement.predicate_type,
            statement.digest,
            envelope,
            system,
            " ".join(word for word in said if isinstance(word, str))[:200],
            at,
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON. Raises InputError when it would not fit the ledger."""
        data = canonical(plain(self))
        if len(data) > MAX_LEAF:
            raise InputError(f"a ledger line of {len(data)} bytes, {MAX_LEAF} allowed")
        return data

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> Leaf:
        """Read back. Raises InputError."""
        raw = parse_json(data, where=where, limit=MAX_LEAF)
        try:
            return cls(
                raw["kind"],
                Digest.parse(raw["statement"]),
                Digest.parse(raw["envelope"]),
                raw["system"],
                raw["summary"],
                parse_time(raw["at"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"not a line of ours: {error!r}", where=where) from error
