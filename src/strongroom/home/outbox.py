"""From the index to the ledger and back.

A statement is committed to the index first and then logged, so that nothing reaches the ledger
that a transaction took back. What a crash leaves between the two is logged on the next occasion:

1. Under the lock, read the rows that wait.
2. Look for them among the entries beyond the last one noted: a crash may have come in between.
3. Append the others, in one go, and note all the numbers.

The other way round, `reindex` makes rows from entries and objects when the index has fewer.
"""

from __future__ import annotations

from pathlib import Path

from strongroom.domain.errors import IntegrityError, StrongroomError
from strongroom.domain.statement import Statement
from strongroom.home import index
from strongroom.home.leaf import Leaf
from strongroom.home.locks import held
from strongroom.keys.dsse import Envelope
from strongroom.ledger.log import Ledger
from strongroom.storage.database import Database
from strongroom.storage.objects import Objects, read


class Outbox:
    """Keeps index and ledger in step."""

    def __init__(self, database: Database, objects: Objects, ledger: Ledger, lock: Path) -> None:
        self._database = database
        self._objects = objects
        self._ledger = ledger
        self._lock = lock

    def drain(self) -> None:
        """Log every row that waits. Raises ConflictError, StoreError."""
        with held(self._lock):
            self._drain()

    def settle(self) -> int:
        """Drain; then index every entry that has no row, and say how many there were."""
        with held(self._lock):
            self._drain()
            with self._database.read() as connection:
                count = index.log_count(connection)
            return 0 if count == self._ledger.size else self._reindex()

    def _drain(self) -> None:
        with self._database.read() as connection:
            rows = index.waiting(connection)
            end = index.log_end(connection)
        size = self._ledger.size
        if end > size:
            raise IntegrityError(
                f"the ledger ends at {size} entries, the index knows {end}: it was cut",
                where=str(self._ledger.folder),
                fix="restore the ledger; if it is the index that is wrong, delete that",
            )
        if not rows:
            return
        there = {entry: end + i for i, entry in enumerate(self._ledger.entries(end, size))}
        new = [row.leaf for row in rows if row.leaf not in there]
        if new:
            there.update(zip(new, self._ledger.append(new), strict=True))
        with self._database.write() as connection:
            index.logged(connection, {row.envelope: there[row.leaf] for row in rows})

    def _reindex(self) -> int:
        """All rows anew, in the ledger's order, so that newest stays newest."""
        with self._database.write() as connection:
            before = index.log_count(connection)
            index.clear(connection)
            for number in range(self._ledger.size):
                leaf = self._leaf(number)
                check = self._statement(leaf, number).predicate.get("check")
                index.add(connection, leaf, check if isinstance(check, str) else None, number)
        return self._ledger.size - before

    def _leaf(self, number: int) -> Leaf:
        where = f"ledger entry {number}"
        try:
            return Leaf.parse(self._ledger.entry(number), where=where)
        except StrongroomError as error:
            raise IntegrityError(f"not a line of ours: {error.what}", where=where) from error

    def _statement(self, leaf: Leaf, number: int) -> Statement:
        where = f"ledger entry {number}, object {leaf.envelope.short}"
        envelope = Envelope.from_bytes(read(self._objects, leaf.envelope, where=where), where=where)
        statement = Statement.parse(envelope.payload, where=where)
        if statement.digest != leaf.statement:
            raise IntegrityError("the envelope holds another statement than logged", where=where)
        return statement
