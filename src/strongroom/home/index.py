"""The index of signed statements: rows that find an envelope by kind, system, check or digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.home.leaf import Leaf
from strongroom.storage.tables import records

MAX_NAME = 200
"""Characters of a system's or check's name that the index takes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One signed statement, as the index knows it."""

    envelope: Digest
    statement: Digest
    leaf: bytes
    ledger_index: int | None
    """None until the ledger has it."""

    @classmethod
    def of(cls, raw: RowMapping) -> Row:
        """Read a row of `records`."""
        return cls(
            Digest.parse(raw["envelope"]),
            Digest.parse(raw["statement"]),
            raw["leaf"].encode(),
            raw["ledger_index"],
        )


def add(
    connection: Connection, leaf: Leaf, check: str | None, ledger_index: int | None = None
) -> None:
    """Index an envelope, unless it is there already."""
    for name in (leaf.kind, leaf.system, check):
        if name is not None and (len(name) > MAX_NAME or "\0" in name):
            raise InputError(f"a name has at most {MAX_NAME} characters", where=repr(name[:40]))
    if by_envelope(connection, leaf.envelope) is None:
        connection.execute(
            insert(records).values(
                envelope=str(leaf.envelope),
                statement=str(leaf.statement),
                kind=leaf.kind,
                system=leaf.system,
                check=check,
                leaf=leaf.to_bytes().decode(),
                ledger_index=ledger_index,
            )
        )


def by_envelope(connection: Connection, envelope: Digest) -> Row | None:
    """The row of that envelope."""
    return _first(connection, records.c.envelope == str(envelope))


def by_statement(connection: Connection, statement: Digest) -> Row | None:
    """The newest row of that statement: several people may have signed the same words."""
    return _first(connection, records.c.statement == str(statement))


def search(
    connection: Connection,
    wanted: Mapping[str, str | None],
    *,
    newest_first: bool,
    naming: str | None = None,
) -> Sequence[Row]:
    """All rows whose columns hold the wanted values; None is any value.

    `naming` narrows to lines that have these words somewhere: a help to speed, and no proof.
    """
    query = select(records).where(
        *(records.c[name] == value for name, value in wanted.items() if value is not None)
    )
    if naming is not None:
        query = query.where(records.c.leaf.contains(naming, autoescape=True))
    order = records.c.sequence.desc() if newest_first else records.c.sequence
    return [Row.of(raw) for raw in connection.execute(query.order_by(order)).mappings()]


def waiting(connection: Connection) -> Sequence[Row]:
    """Rows that the ledger does not have yet, oldest first."""
    query = select(records).where(records.c.ledger_index.is_(None)).order_by(records.c.sequence)
    return [Row.of(raw) for raw in connection.execute(query).mappings()]


def logged(connection: Connection, numbers: Mapping[Digest, int]) -> None:
    """Note under which index the ledger has each envelope."""
    for envelope, number in numbers.items():
        row = records.c.envelope == str(envelope)
        connection.execute(update(records).where(row).values(ledger_index=number))


def log_end(connection: Connection) -> int:
    """One more than the highest ledger index that is noted."""
    highest = connection.execute(select(func.max(records.c.ledger_index))).scalar()
    return 0 if highest is None else int(highest) + 1


def log_count(connection: Connection) -> int:
    """How many rows have a ledger index."""
    return int(connection.execute(select(func.count(records.c.ledger_index))).scalar_one())


def clear(connection: Connection) -> None:
    """Forget every row: they are about to be made again from the ledger."""
    connection.execute(delete(records))


def _first(connection: Connection, condition: ColumnElement[bool]) -> Row | None:
    query = select(records).where(condition).order_by(records.c.sequence.desc()).limit(1)
    raw = connection.execute(query).mappings().first()
    return None if raw is None else Row.of(raw)
