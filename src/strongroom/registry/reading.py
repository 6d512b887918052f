"""Reading the registry: the tables point, and what they point to is verified each time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import RowMapping

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.statement import Statement
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import PROMOTION_TYPE, SEAL_TYPE, Role
from strongroom.registry import tables
from strongroom.registry.statements import Move, Seal


@dataclass(frozen=True, slots=True)
class Version:
    """A sealed version, and where it stands."""

    seal: Seal
    statement: Digest
    """Of the seal."""
    stages: tuple[Stage, ...]
    """Where it stands now."""

    @property
    def digest(self) -> Digest:
        """The version's name."""
        return self.seal.version


def current(home: Home, system: str, stage: Stage) -> Move | None:
    """The move that put there what stands in the stage; None when nothing does."""
    with home.database.read() as connection:
        row = tables.standing(connection, system, stage)
    return None if row is None else _move(home, row)


def history(home: Home, system: str, stage: Stage) -> tuple[Move, ...]:
    """Every move in the stage, newest first."""
    with home.database.read() as connection:
        rows = tables.all_moves(connection, system, stage)
    return tuple(_move(home, row) for row in rows)


def move_numbered(home: Home, system: str, stage: Stage, number: int) -> Move:
    """The move of that number. Raises IntegrityError when the table has lost it."""
    with home.database.read() as connection:
        row = tables.numbered(connection, system, stage, number)
    if row is None:
        raise IntegrityError(f"move {number} in {stage} is missing", where=system)
    return _move(home, row)


def sealed(home: Home, version: Digest) -> Seal | None:
    """The seal of a version, if it was sealed."""
    with home.database.read() as connection:
        statement = tables.seal_of(connection, version)
    if statement is None:
        return None
    seal = read_seal(home, _record(home, statement))
    if seal.version != version:
        raise IntegrityError("the index gives another version's seal", where=str(version))
    return seal


def sealed_or_fail(home: Home, version: Digest) -> Seal:
    """The seal of a version. Raises InputError when there is none."""
    seal = sealed(home, version)
    if seal is None:
        raise InputError("no such version", where=str(version), fix="see `strongroom versions`")
    return seal


def versions(home: Home, system: str | None) -> tuple[Version, ...]:
    """All sealed versions, or those of a system, newest first."""
    with home.database.read() as connection:
        statements = tables.seals(connection, system)
    found = [(s, read_seal(home, _record(home, s))) for s in statements]
    places = {
        (name, stage): move.version
        for name in {seal.system for _, seal in found}
        for stage in Stage
        if (move := current(home, name, stage)) is not None
    }
    made = [
        Version(
            seal, digest, tuple(s for s in Stage if places.get((seal.system, s)) == seal.version)
        )
        for digest, seal in found
    ]
    return tuple(sorted(made, key=lambda v: (v.seal.at, v.digest), reverse=True))


def rebuild(home: Home) -> None:
    """Make the tables anew from the signed records, if these tell of more than the tables."""
    with home.database.read() as connection:
        if not tables.behind(connection):
            return
    seals = [(r, read_seal(home, r)) for r in home.records(SEAL_TYPE, newest_first=False)]
    moves = [(r, read_move(home, r)) for r in home.records(PROMOTION_TYPE, newest_first=False)]
    with home.database.write() as connection:
        if tables.behind(connection):
            tables.clear(connection)
            for record, seal in seals:
                tables.add_seal(connection, seal, record.digest)
            for record, move in moves:
                tables.add_move(connection, move, record.digest)


def read_seal(home: Home, record: Record) -> Seal:
    """The seal in a record: signed by who may, and logged. Raises IntegrityError, TrustError."""
    return Seal.from_statement(_vouched(home, record, Role.SEAL))


def read_move(home: Home, record: Record) -> Move:
    """The move in a record, likewise."""
    return Move.from_statement(_vouched(home, record, Role.PROMOTION))


def _vouched(home: Home, record: Record, role: Role) -> Statement:
    home.check_logged(record)
    return home.trust.verify(
        record.envelope,
        role,
        scope=str(record.statement.predicate.get("system")),
        at=record.recorded_at,
        where=f"{role} {record.digest.short}",
    ).statement


def _move(home: Home, row: RowMapping) -> Move:
    move = read_move(home, _record(home, Digest.parse(row["statement"])))
    said = (move.system, move.stage.value, move.number, str(move.version), move.below)
    if said != tuple(row[name] for name in ("system", "stage", "number", "version", "below")):
        raise IntegrityError(
            "the index says other things than the signed promotion",
            where=f"{row['system']} {row['stage']} {row['number']}",
            fix="delete the index: it is rebuilt from ledger and objects",
        )
    return move


def _record(home: Home, statement: Digest) -> Record:
    record = home.record_of(statement)
    if record is None:
        raise IntegrityError("the index points to a record that it lost", where=str(statement))
    return record
