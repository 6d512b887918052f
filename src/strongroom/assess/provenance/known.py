"""The provenance that a home knows: logged, and signed by a key that might say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.domain.digests import Digest
from strongroom.domain.errors import StrongroomError
from strongroom.domain.predicates import SLSA_TYPE
from strongroom.domain.provenance import Provenance
from strongroom.keys.trust import Role, scope_of

if TYPE_CHECKING:  # a check's process does without a database
    from strongroom.home.home import Home
    from strongroom.home.record import Record

SIGNER = "recorder"
"""The service key that signs provenance and bills of materials."""
ROLES = (Role.PROVENANCE, Role.MATERIALS)


@dataclass(frozen=True, slots=True)
class Known:
    """A provenance, and the digest of the statement that says it."""

    provenance: Provenance
    statement: Digest


def known_provenance(home: Home, system: str) -> tuple[Known, ...]:
    """Every run of the system that ended well and is believed, the oldest first."""
    found = []
    for record in home.records(SLSA_TYPE, system=system, newest_first=False):
        try:
            home.check_logged(record)
            home.trust.verify(
                record.envelope,
                Role.PROVENANCE,
                scope=scope_of(record.statement),
                at=record.recorded_at,
            )
            found.append(Known(Provenance.from_statement(record.statement), record.digest))
        except StrongroomError:
            continue  # not believed, or not of our making: it proves nothing here
    return tuple(found)


def keep(home: Home, provenance: Provenance) -> Record:
    """Sign and log it."""
    ensure_recorder(home)
    return home.record(provenance.to_statement(), SIGNER)


def ensure_recorder(home: Home) -> None:
    """A home of an earlier release has no key for this: make it, which is logged."""
    if not any(key.name == SIGNER for key in home.trust.keys):
        home.add_key(SIGNER, ROLES)
