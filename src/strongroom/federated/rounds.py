"""Rounds in the ledger: who took part, what was agreed, and digests; never an update.

A round is evidence of the check id `federated.round@1`, signed by the home's assessor. The model is
an object of the home, named by digest, so a coordinator that was killed goes on from the last round
that was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from strongroom.domain.canonical import digest_of
from strongroom.domain.digests import Digest
from strongroom.domain.errors import IntegrityError
from strongroom.domain.evidence import EVIDENCE_TYPE, CheckId, Evidence, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.statement import Subject
from strongroom.federated.models import Model, digest_of_model, from_bytes, to_bytes
from strongroom.federated.plan import Plan
from strongroom.federated.tasks import Finished
from strongroom.home.home import Home
from strongroom.home.record import Record
from strongroom.keys.trust import Role, scope_of
from strongroom.storage.objects import read

ROUND: Final = CheckId("federated.round", 1)
SIGNER: Final = "assessor"
_KEPT: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Course:
    """How the aggregations of one round went."""

    fallen: Mapping[str, str]
    """Banks that began and are in no sum, and the step at which they were lost."""
    sent: Mapping[str, Digest]
    """Digest of all that each bank sent under masks; says nothing about its vectors."""
    aggregations: int


class Rounds:
    """The rounds of one plan in one home."""

    def __init__(self, home: Home, plan: Plan) -> None:
        self._home, self._plan = home, plan

    def last(self) -> tuple[Model, int] | None:
        """The model of the last recorded round, and its number.

        Raises IntegrityError, TrustError for records or models that are not what was logged.
        """
        found: tuple[Record, Evidence, int] | None = None
        for record in self._home.records(EVIDENCE_TYPE, check=str(ROUND), system=self._plan.system):
            evidence = Evidence.from_statement(record.statement)
            if evidence.configuration == self._plan.digest:
                number = int(evidence.findings[0].facts["round"])
                if found is None or number > found[2]:
                    found = (record, evidence, number)
        if found is None:
            return None
        record, evidence, number = found
        self._believe(record)
        (digest,) = (s.digest for s in evidence.subjects if s.name == "model")
        where = f"model of round {number}"
        return from_bytes(read(self._home.objects, digest, where=where), where=where), number

    def record(self, finished: Finished, before: Model | None, course: Course) -> Record:
        """Log a round; durable when it returns."""
        put = self._home.objects.put([to_bytes(finished.model)])
        if put != digest_of_model(finished.model):
            raise IntegrityError("the store named the model otherwise", where=str(put))
        subjects = [Subject("model", put), Subject("plan", self._plan.digest)]
        if before is not None:
            subjects.append(Subject("model.before", digest_of_model(before)))
        now = self._home.clock()
        evidence = Evidence(
            system=self._plan.system,
            check=ROUND,
            configuration=self._plan.digest,
            subjects=tuple(subjects),
            findings=(self._finding(finished, course),),
            metrics=_metrics(finished),
            effective_at=now,
            recorded_at=now,
            expires_at=now + _KEPT,
        )
        return self._home.record(evidence.to_statement(), SIGNER)

    def _finding(self, finished: Finished, course: Course) -> Finding:
        plan = self._plan
        facts = {
            "round": finished.round,
            "took_part": list(finished.company),
            "fell_out": dict(course.fallen),
            "sent": {name: str(digest) for name, digest in course.sent.items()},
            "aggregations": course.aggregations,
            "rule": plan.aggregation.rule,
            "tolerated": plan.aggregation.tolerated,
            "threshold": plan.threshold,
            "members": sorted(plan.members),
            "privacy": plan.privacy.model_dump() if plan.privacy else None,
        }
        said = f"round {finished.round}: {len(finished.company)} of {len(plan.members)} banks"
        return Finding("federated.round", Outcome.PASS, said, Severity.INFO, facts=facts)

    def _believe(self, record: Record) -> None:
        self._home.check_logged(record)
        scope = scope_of(record.statement)
        self._home.trust.verify(record.envelope, Role.EVIDENCE, scope=scope, at=record.recorded_at)


def folded(digests: list[Digest]) -> Digest:
    """One digest for several, in order."""
    return digest_of([str(digest) for digest in digests])


def _metrics(finished: Finished) -> tuple[Metric, ...]:
    company = Metric.exact("company", len(finished.company), len(finished.company))
    if finished.loss is None:
        return (company,)
    return company, Metric.exact("loss_before", finished.loss, max(1, finished.rows))
