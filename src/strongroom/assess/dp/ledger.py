"""The privacy ledger: every use of a data set, signed and logged, and none past its budget.

1. The budget of a data set is set once, by digest; it may be lowered later, never raised.
2. Uses are added to all that were recorded for the same digest.
3. If the sum passes the budget nothing is recorded and the uses are refused; otherwise the records
   are there before the data may be touched.

Records are evidence of the check id `privacy.spending@1`, signed by the home's assessor; records
that the trust policy does not vouch for, or that the ledger does not have, stop everything: a sum
without them would be too small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from strongroom.assess.dp.mechanisms import Use, spent
from strongroom.domain.canonical import digest_of
from strongroom.domain.digests import Digest
from strongroom.domain.errors import DeniedError, InputError
from strongroom.domain.evidence import EVIDENCE_TYPE, CheckId, Evidence, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.statement import Subject
from strongroom.home.home import Home
from strongroom.home.locks import held
from strongroom.home.record import Record
from strongroom.keys.trust import Role, scope_of

SPENDING: Final = CheckId("privacy.spending", 1)
SIGNER: Final = "assessor"
_KEPT: Final = timedelta(days=36_500)
"""A privacy loss does not grow old."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be lost, in all, about anybody in a data set."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        numbers = all(
            isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n)
            for n in (self.epsilon, self.delta)
        )
        if not numbers or self.epsilon <= 0 or not 0 < self.delta < 1:
            raise InputError(
                f"a budget of epsilon {self.epsilon!r} and delta {self.delta!r}",
                fix="epsilon above 0, delta between 0 and 1",
            )


@dataclass(frozen=True, slots=True)
class Account:
    """Where a data set stands."""

    budget: Budget | None
    uses: tuple[Use, ...]

    @property
    def epsilon(self) -> float:
        """Spent, at the budget's delta; 0 before anything was."""
        return spent(self.uses, self.budget.delta) if self.budget and self.uses else 0.0


class PrivacyLedger:
    """Budgets and uses of data sets, in one home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def account(self, data: Digest) -> Account:
        """Add up what the home's records say. Raises IntegrityError, TrustError for forged ones."""
        budget: Budget | None = None
        uses: list[Use] = []
        for facts in self._facts(data):
            if "budget" in facts:
                budget = _tighter(budget, Budget(**facts["budget"]))
            else:
                uses.append(Use(facts["mechanism"], facts["parameters"], facts["times"]))
        return Account(budget, tuple(uses))

    def set_budget(self, data: Digest, budget: Budget, *, system: str) -> Account:
        """Set the budget, or lower it. Raises DeniedError for one that would raise it."""
        with self._alone():
            old = self.account(data).budget
            if old is not None and _tighter(old, budget) != budget:
                raise DeniedError(
                    f"the budget is epsilon {old.epsilon:g} at delta {old.delta:g}, and is never "
                    "raised",
                    where=str(data),
                    fix="ask for the same or less",
                )
            facts = {"budget": {"epsilon": budget.epsilon, "delta": budget.delta}}
            said = f"epsilon {budget.epsilon:g} at delta {budget.delta:g} may be spent in all"
            self._record(data, system, "budget", said, facts, ())
            return self.account(data)

    def spend(self, data: Digest, *uses: Use, system: str, purpose: str) -> Account:
        """Record uses before they happen: all of them or none.

        Raises DeniedError past the budget, or without one.
        """
        with self._alone():
            before = self.account(data)
            if before.budget is None:
                raise DeniedError("no privacy budget is set", where=str(data), fix="set one first")
            after = Account(before.budget, (*before.uses, *uses))
            total = after.epsilon
            if total > before.budget.epsilon:
                raise DeniedError(
                    f"epsilon would be {total:.4g} of {before.budget.epsilon:g} at delta "
                    f"{before.budget.delta:g}; {before.epsilon:.4g} is spent",
                    where=str(data),
                    fix="add noise, run fewer times, or use other data",
                )
            figure = Metric.exact("epsilon", total, len(after.uses))
            for use in uses:
                facts = {
                    "mechanism": use.mechanism,
                    "parameters": dict(use.parameters),
                    "times": use.times,
                    "purpose": purpose,
                }
                self._record(data, system, "use", f"{purpose}: {use.mechanism}", facts, (figure,))
            return after

    def data_sets(self) -> tuple[Digest, ...]:
        """Every data set of which something is recorded, sorted."""
        found = {
            subject.digest
            for record in self._home.records(EVIDENCE_TYPE, check=str(SPENDING))
            for subject in record.statement.subjects
        }
        return tuple(sorted(found, key=str))

    def _alone(self) -> Any:
        return held(self._home.folder / "privacy.lock")

    def _facts(self, data: Digest) -> Iterator[dict[str, Any]]:
        for record in self._home.records(EVIDENCE_TYPE, check=str(SPENDING), newest_first=False):
            self._believe(record)
            evidence = Evidence.from_statement(record.statement)
            if any(subject.digest == data for subject in evidence.subjects):
                for finding in evidence.findings:
                    yield dict(finding.facts)

    def _believe(self, record: Record) -> None:
        self._home.check_logged(record)
        scope = scope_of(record.statement)
        at = record.recorded_at
        self._home.trust.verify(record.envelope, Role.EVIDENCE, scope=scope, at=at)

    def _record(
        self,
        data: Digest,
        system: str,
        rule: str,
        message: str,
        facts: dict[str, Any],
        metrics: tuple[Metric, ...],
    ) -> None:
        now, name = self._home.clock(), f"{SPENDING.name}.{rule}"
        finding = Finding(name, Outcome.PASS, message, Severity.INFO, facts=facts)
        # The same use twice is spent twice: the count makes the two records differ.
        number = sum(1 for _ in self._facts(data))
        evidence = Evidence(
            system=system,
            check=SPENDING,
            configuration=digest_of({"number": number}),
            subjects=(Subject("data", data),),
            findings=(finding,),
            metrics=metrics,
            effective_at=now,
            recorded_at=now,
            expires_at=now + _KEPT,
        )
        self._home.record(evidence.to_statement(), SIGNER)


def _tighter(old: Budget | None, new: Budget) -> Budget:
    if old is None:
        return new
    return Budget(min(old.epsilon, new.epsilon), min(old.delta, new.delta))
