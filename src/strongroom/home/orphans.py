"""Objects that nothing refers to: what killed processes put there and never told of.

1. List the objects that are older than an age.
2. Collect what every signed statement names: any SHA-256 in it, wherever it stands. So the seals,
   the lists of artifacts, policies and evidence of today and of every day before keep theirs.
3. What is listed and named nowhere is an orphan.

In this order, since what is put after 1 is no orphan yet, and what is told after 1 was put before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from strongroom.domain.errors import IntegrityError
from strongroom.home import index
from strongroom.home.home import Home
from strongroom.keys.dsse import Envelope
from strongroom.storage.objects import Stored, read

AGE: Final = timedelta(days=1)
"""An upload that takes longer than this is not believed in."""
_NAMED: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def orphans(home: Home, now: datetime, age: timedelta = AGE) -> tuple[Stored, ...]:
    """The orphans that were put there before `now - age`, oldest first.

    Raises IntegrityError or StoreError when a record cannot be read: then nobody can tell what it
    names.
    """
    old = [one for one in home.objects.stored() if one.at < now - age]
    named = _named(home)
    found = [one for one in old if one.digest.hex not in named]
    return tuple(sorted(found, key=lambda one: (one.at, one.digest)))


def remove(home: Home, found: Iterable[Stored]) -> int:
    """Delete orphans; how many bytes that gives back. Raises StoreError: run it again then.

    One that was put there again since it was found is left: somebody may be about to name it.
    """
    same = set(home.objects.stored())
    gone = [one for one in found if one in same]
    for one in gone:
        home.objects.delete(one.digest)
    return sum(one.size for one in gone)


def _named(home: Home) -> frozenset[str]:
    with home.database.read() as connection:
        rows = index.search(connection, {}, newest_first=False)
    if len(rows) < home.ledger.head.size:
        raise IntegrityError(
            "the index knows fewer records than the ledger", where=str(home.folder)
        )
    named = {row.envelope.hex for row in rows}
    for row in rows:
        where = f"record {row.statement.short}"
        envelope = Envelope.from_bytes(read(home.objects, row.envelope, where=where), where=where)
        named.update(match.decode() for match in _NAMED.findall(envelope.payload))
    return frozenset(named)
