"""A signed statement as the home keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.domain.digests import Digest
from strongroom.domain.errors import IntegrityError
from strongroom.domain.statement import Statement
from strongroom.home.index import Row
from strongroom.home.leaf import Leaf
from strongroom.keys.dsse import Envelope
from strongroom.storage.objects import Objects, read


@dataclass(frozen=True, slots=True)
class Record:
    """One signed statement. That it is here says nothing: ask the trust policy."""

    envelope: Envelope
    statement: Statement
    digest: Digest
    """Of the statement: what other records refer to it by."""
    envelope_digest: Digest
    """Of the envelope's bytes: its name among the objects."""
    kind: str
    """Predicate type."""
    ledger_index: int | None
    """Its entry in the ledger; None in the moment before it is logged."""
    recorded_at: datetime
    leaf: bytes
    """Its entry, as the ledger has it or will have it."""


def load_record(objects: Objects, row: Row) -> Record:
    """Read the envelope that a row names. Raises IntegrityError where they differ, StoreError."""
    where = f"record {row.statement.short}"
    leaf = Leaf.parse(row.leaf, where=where)
    envelope = Envelope.from_bytes(read(objects, row.envelope, where=where), where=where)
    statement = Statement.parse(envelope.payload, where=where)
    if not (
        statement.digest == row.statement == leaf.statement
        and leaf.envelope == row.envelope
        and leaf.kind == statement.predicate_type
    ):
        raise IntegrityError("index and envelope say different things", where=where)
    return Record(
        envelope,
        statement,
        row.statement,
        row.envelope,
        leaf.kind,
        row.ledger_index,
        leaf.at,
        row.leaf,
    )
