"""The registry's tables: versions by their seals, and moves, whose key is the compare-and-swap."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select
from sqlalchemy.exc import IntegrityError

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import ConflictError
from strongroom.keys.trust import PROMOTION_TYPE, SEAL_TYPE
from strongroom.registry.statements import Move, Seal
from strongroom.storage.tables import moves, records, versions


def standing(connection: Connection, system: str, stage: Stage) -> RowMapping | None:
    """The last move in a stage, if there was one."""
    query = select(moves).where(moves.c.system == system, moves.c.stage == stage.value)
    return connection.execute(query.order_by(moves.c.number.desc()).limit(1)).mappings().first()


def numbered(connection: Connection, system: str, stage: Stage, number: int) -> RowMapping | None:
    """The move of that number."""
    query = select(moves).where(
        moves.c.system == system, moves.c.stage == stage.value, moves.c.number == number
    )
    return connection.execute(query).mappings().first()


def all_moves(connection: Connection, system: str, stage: Stage) -> Sequence[RowMapping]:
    """Every move in a stage, newest first."""
    query = select(moves).where(moves.c.system == system, moves.c.stage == stage.value)
    return connection.execute(query.order_by(moves.c.number.desc())).mappings().all()


def add_move(connection: Connection, move: Move, statement: Digest) -> None:
    """Take the next number, unless somebody has: then ConflictError, and nothing is written."""
    last = standing(connection, move.system, move.stage)
    if (last["number"] if last else 0) != move.number - 1:
        raise overtaken(move.system, move.stage)
    row = insert(moves).values(
        system=move.system,
        stage=move.stage.value,
        number=move.number,
        version=str(move.version),
        below=move.below,
        statement=str(statement),
    )
    try:
        connection.execute(row)
    except IntegrityError as error:
        raise overtaken(move.system, move.stage) from error


def overtaken(system: str, stage: Stage) -> ConflictError:
    """Somebody else moved the stage between our look and our move."""
    return ConflictError(
        f"somebody else moved {stage} meanwhile",
        where=system,
        fix=f"see `strongroom versions {system}`, and promote again if it still should",
    )


def seal_of(connection: Connection, version: Digest) -> Digest | None:
    """Statement digest of the seal of a version."""
    query = select(versions.c.statement).where(versions.c.version == str(version))
    found = connection.execute(query).scalar()
    return None if found is None else Digest.parse(found)


def seals(connection: Connection, system: str | None) -> Sequence[Digest]:
    """Statement digests of all seals, or of a system's."""
    query = select(versions.c.statement)
    if system is not None:
        query = query.where(versions.c.system == system)
    return [Digest.parse(found) for found in connection.execute(query).scalars()]


def add_seal(connection: Connection, seal: Seal, statement: Digest) -> None:
    """Note a version. The key refuses the second seal of one version."""
    connection.execute(
        insert(versions).values(
            version=str(seal.version), system=seal.system, statement=str(statement)
        )
    )


def behind(connection: Connection) -> bool:
    """Whether records tell of versions or moves that the tables do not have."""
    noted = select(versions.c.statement).union(select(moves.c.statement))
    missing = select(records.c.sequence).where(
        records.c.kind.in_((SEAL_TYPE, PROMOTION_TYPE)), records.c.statement.not_in(noted)
    )
    return connection.execute(missing.limit(1)).first() is not None


def clear(connection: Connection) -> None:
    """Forget all versions and moves: they are about to be read from the records again."""
    connection.execute(delete(moves))
    connection.execute(delete(versions))
