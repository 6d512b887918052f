"""Evidence in the home: signed as the assessor, believed as far as the trust policy goes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from strongroom.assess.advisories.held import held_mirror
from strongroom.assess.history import History
from strongroom.assess.predecessors import predecessors
from strongroom.assess.provenance.known import known_provenance
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError, TrustError
from strongroom.domain.evidence import EVIDENCE_TYPE, CheckId, Evidence
from strongroom.domain.statement import Subject
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import Role, scope_of

SIGNER: Final = "assessor"


class HomeStore:
    """An `EvidenceStore` on a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def find(
        self,
        check: CheckId,
        system: str,
        configuration: Digest,
        subjects: tuple[Subject, ...],
        now: datetime,
    ) -> tuple[Evidence, Digest] | None:
        """The newest such evidence in the home, which the trust policy vouches for."""
        for record in self._home.records(EVIDENCE_TYPE, system=system, check=str(check)):
            evidence = _read(record)
            if (
                evidence is not None
                and evidence.stopped is None
                and evidence.configuration == configuration
                and set(evidence.subjects) == set(subjects)
                and evidence.effective_at <= now < evidence.expires_at
                and self._vouched(record)
            ):
                return evidence, record.digest
        return None

    def keep(self, evidence: Evidence) -> Digest:
        """Sign, index and log it."""
        return self._home.record(evidence.to_statement(), SIGNER).digest

    def history(self, system: str, now: datetime) -> History:
        """As the home's signed records tell, and the mirror that it holds."""
        return History(
            predecessors(self._home, system),
            known_provenance(self._home, system),
            held_mirror(self._home, now),
        )

    def _vouched(self, record: Record) -> bool:
        """Logged, and signed by a key that might sign it when it was logged."""
        try:
            self._home.check_logged(record)
            self._home.trust.verify(
                record.envelope,
                Role.EVIDENCE,
                scope=scope_of(record.statement),
                at=record.recorded_at,
            )
        except (InputError, IntegrityError, TrustError):
            return False
        return True


def _read(record: Record) -> Evidence | None:
    try:
        return Evidence.from_statement(record.statement)
    except InputError:
        return None
