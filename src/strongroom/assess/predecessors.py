"""Earlier versions of a system in the home's signed records, and whether they would open."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from strongroom.assess.predecessor import Predecessor
from strongroom.domain.canonical import parse_time
from strongroom.domain.digests import Digest
from strongroom.domain.errors import StrongroomError
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.wrappings import Wrapping
from strongroom.keys.trust import PROMOTION_TYPE, ROLE_OF, SEAL_TYPE, scope_of


def predecessors(home: Home, system: str) -> tuple[Predecessor, ...]:
    """Every version that a trusted key sealed, the oldest first."""
    stages: dict[str, set[str]] = {}
    for record in _trusted(home, PROMOTION_TYPE, system):
        move = record.statement.predicate
        stages.setdefault(str(move.get("version")), set()).add(str(move.get("stage")))
    return tuple(_predecessor(home, record, stages) for record in _trusted(home, SEAL_TYPE, system))


def _trusted(home: Home, kind: str, system: str) -> Iterator[Record]:
    for record in home.records(kind, system=system, newest_first=False):
        try:
            home.check_logged(record)
            home.trust.verify(
                record.envelope,
                ROLE_OF[kind],
                scope=scope_of(record.statement),
                at=record.recorded_at,
            )
        except StrongroomError:
            continue
        yield record


def _predecessor(home: Home, record: Record, stages: dict[str, set[str]]) -> Predecessor:
    seal = record.statement.predicate
    version = str(seal.get("version"))
    model = next((s["digest"] for s in seal.get("about", ()) if s.get("name") == "model"), "")
    try:
        problem = _problem(home, seal)
    except StrongroomError as error:
        problem = error.what
    except (KeyError, TypeError, ValueError):
        problem = "its seal is malformed"
    return Predecessor(version, str(model), tuple(sorted(stages.get(version, ()))), problem)


def _problem(home: Home, seal: Any) -> str | None:
    """Its files are there, and the KMS still gives the key."""
    lost = [f["path"] for f in seal["files"] if not home.objects.has(Digest.parse(f["object"]))]
    if lost:
        return f"its sealed {', '.join(lost[:3])} is gone from the object store"
    wrapped = base64.b64decode(seal["wrapped_key"], validate=True)
    version, at = Digest.parse(seal["version"]), parse_time(seal["at"])
    sealed = Wrapping(seal["system"], version, wrapped, seal["kms"], at)
    SealedKeys(home).open(sealed, "rehearse")
    return None
