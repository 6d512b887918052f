"""What became of a version's data key after it was sealed, as the bundle's records tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from strongroom.domain.digests import Digest
from strongroom.domain.errors import IntegrityError
from strongroom.domain.statement import Statement
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.home.wrappings import DESTROYED, Shredding, Wrapping
from strongroom.keys.trust import REWRAP_TYPE, SHRED_TYPE

KEY_TYPES: Final = (REWRAP_TYPE, SHRED_TYPE)


def key_records(home: Home, system: str, versions: Iterable[Digest]) -> Iterator[Record]:
    """Every record of wrapping anew and shredding that is about these versions."""
    wanted = frozenset(versions)
    for kind in KEY_TYPES:
        for record in home.records(kind, system=system):
            if _version(record.statement) in wanted:
                yield record


def key_story(statement: Statement, versions: Iterable[Digest], day: str) -> str:
    """One record in words. Raises IntegrityError for a version whose seal is not there."""
    if _version(statement) not in frozenset(versions):
        raise IntegrityError("about the key of a version whose seal is not here")
    if statement.predicate_type == REWRAP_TYPE:
        return f"Its key was wrapped anew on {day}, by {Wrapping.from_statement(statement).kms}."
    said = Shredding.from_statement(statement)
    if said.action != DESTROYED:
        return f"Ordered to be shredded on {day} by {said.by}: {said.reason}."
    answers = "; ".join(f"{uri}: {told.answer}" for uri, told in said.answers)
    return f"Shredded on {day} by {said.by}: {said.reason}. No copy of its files opens ({answers})."


def _version(statement: Statement) -> Digest:
    if statement.predicate_type == REWRAP_TYPE:
        return Wrapping.from_statement(statement).version
    return Shredding.from_statement(statement).version
