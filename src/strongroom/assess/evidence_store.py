"""Where the runner finds evidence that is there already, and keeps what is new."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from strongroom.assess.history import History
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import CheckId, Evidence
from strongroom.domain.statement import Subject


class EvidenceStore(Protocol):
    """Evidence by what it is about."""

    def find(
        self,
        check: CheckId,
        system: str,
        configuration: Digest,
        subjects: tuple[Subject, ...],
        now: datetime,
    ) -> tuple[Evidence, Digest] | None:
        """Evidence that says all of this, still holds, and comes from a check that ended."""
        ...

    def keep(self, evidence: Evidence) -> Digest:
        """Keep it for good; gives the statement's digest."""
        ...

    def history(self, system: str, now: datetime) -> History:
        """What is known beside the manifest."""
        ...


class NoStore:
    """Keeps nothing: for runs without a home."""

    def find(
        self,
        check: CheckId,  # noqa: ARG002
        system: str,  # noqa: ARG002
        configuration: Digest,  # noqa: ARG002
        subjects: tuple[Subject, ...],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> tuple[Evidence, Digest] | None:
        """There is none."""
        return None

    def keep(self, evidence: Evidence) -> Digest:
        """Only its digest."""
        return evidence.to_statement().digest

    def history(self, system: str, now: datetime) -> History:  # noqa: ARG002
        """Nothing is known."""
        return History()
