"""The gate: may this version enter this stage? A function of its arguments, the time among them.

What reaches `decide` was vouched for: signed by a key that the trust policy lets say it. The gate
then asks of each requirement in force, in this order:

1. Is there evidence of the check, in the version required or newer, about digests that are all
   this version's, in date, and not older than the requirement allows? The newest counts.
2. Did the check itself find nothing against it?
3. Does the bad end of every interval meet the thresholds in force now?
4. Did enough people approve these digests who did not train the model?
5. Does the house's own rule, where the requirement is one, say nothing against it?
6. If not: does a waiver for these digests, in date, let it through?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.domain.canonical import Json
from strongroom.domain.decision import Approval, Decision, Reason, Waiver
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Evidence
from strongroom.domain.outcome import Outcome
from strongroom.governance.applicability import Applied
from strongroom.governance.catalog import Need
from strongroom.governance.rego import denials
from strongroom.registry.candidate import Candidate, Records, Signed
from strongroom.registry.rule_input import Counting, rule_input

_TEXTS: Final = 2
"""How many judgements of a check a reason quotes: figures first if it passed, else findings."""


def decide(
    candidate: Candidate,
    required: Sequence[Applied],
    records: Records,
    policy: Digest,
    now: datetime,
) -> Decision:
    """Allow only what every requirement allows; nothing required is a denial."""
    reasons = [
        _waive(_judge(applied, candidate, records, now), candidate, records.waivers, now)
        for applied in required
        if applied.rule is None
    ]
    if rules := [applied for applied in required if applied.rule is not None]:
        counting = _counting(candidate, records, now)
        facts = rule_input(candidate, counting, reasons, now)
        judged = [_ask(applied, facts, counting) for applied in rules]
        reasons += [_waive(reason, candidate, records.waivers, now) for reason in judged]
    return Decision(
        candidate.system, candidate.stage, candidate.subjects, tuple(reasons), policy, at=now
    )


def _judge(applied: Applied, candidate: Candidate, records: Records, now: datetime) -> Reason:
    parts = [_meet(need, candidate, records, now) for need in applied.needs]
    if wanted := applied.approvals:
        parts.append(_approved(wanted, candidate, records.approvals, now))
    outcome = Outcome.worst(part.outcome for part in parts)
    if not parts:
        text = "no check of this release can show it"
    else:
        text = "; ".join(p.text for p in parts if p.outcome is outcome)
    return Reason(
        applied.requirement.id,
        outcome,
        text,
        tuple(dict.fromkeys(digest for part in parts for digest in part.rests_on)),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """How one need of a requirement came out."""

    outcome: Outcome
    text: str
    rests_on: tuple[Digest, ...] = ()


def _meet(need: Need, candidate: Candidate, records: Records, now: datetime) -> _Part:
    of_check = [e for e in records.evidence if e.record.check.name == need.check.name]
    objections = [(e, _objection(e.record, need, candidate, now)) for e in of_check]
    counting = [e for e, objection in objections if objection is None]
    if not counting:
        refused = [line for line in records.refused if need.check.name in line]
        newest = max(objections, key=lambda pair: pair[0].record.effective_at, default=None)
        why = newest[1] if newest else (refused[0] if refused else "no evidence; run `assess`")
        return _Part(Outcome.UNKNOWN, f"{need.check.name}: {why}")
    newest_at = max(e.record.effective_at for e in counting)
    parts = [_weigh(e, need) for e in counting if e.record.effective_at == newest_at]
    outcome = Outcome.worst(part.outcome for part in parts)
    return next(part for part in parts if part.outcome is outcome)


def _objection(evidence: Evidence, need: Need, candidate: Candidate, now: datetime) -> str | None:
    """Why the evidence does not count for this need, or None."""
    if (other := _other(evidence, candidate, now)) is not None:
        return other
    if evidence.check.version < need.check.version:
        return f"the evidence is of {evidence.check}, {need.check} is required"
    if now - evidence.effective_at > need.max_age:
        return f"the evidence is older than {need.max_age.days} days"
    return None


def _other(evidence: Evidence, candidate: Candidate, now: datetime) -> str | None:
    """Why the evidence does not speak about this version at this time, or None."""
    digests = {s.name: s.digest for s in candidate.subjects}
    other = [s.name for s in evidence.subjects if digests.get(s.name) != s.digest]
    if evidence.system != candidate.system:
        return f"the evidence is about system {evidence.system}"
    if not evidence.subjects:
        return "the evidence names nothing that it looked at"
    if other:
        return f"the evidence is about other bytes of {', '.join(other)}; run `assess` again"
    if evidence.effective_at > now or evidence.recorded_at > now:
        return "the evidence is dated in the future"
    if now >= evidence.expires_at:
        return f"the evidence expired on {evidence.expires_at:%Y-%m-%d}"
    return None


def _weigh(vouched: Signed[Evidence], need: Need) -> _Part:
    """The check's own findings, and its metrics against the thresholds in force."""
    evidence = vouched.record
    rests_on = (vouched.digest,)
    if evidence.stopped is not None:
        return _Part(Outcome.UNKNOWN, f"{evidence.check.name}: {evidence.stopped}", rests_on)
    own = [(f.outcome, f.message) for f in evidence.own_findings]
    figures = []
    for threshold in need.thresholds:
        bound = threshold.among(evidence.metrics)
        if not bound:
            figures.append((Outcome.UNKNOWN, f"{threshold.metric} was not measured"))
        for metric in bound:
            figure = f"{metric.name} {metric.value:.3g} [{metric.low:.3g}, {metric.high:.3g}]"
            figures.append((threshold.judge(metric), f"{figure}, required {threshold.bounds}"))
    outcome = Outcome.worst(said for said, _ in (*own, *figures))
    telling = (*figures, *own) if outcome is Outcome.PASS else (*own, *figures)
    texts = [text for said, text in telling if said is outcome][:_TEXTS]
    return _Part(
        outcome, f"{evidence.check.name}: {'; '.join(texts) or 'the check said nothing'}", rests_on
    )


def _ask(applied: Applied, facts: Mapping[str, Json], counting: Counting) -> Reason:
    """A rule of the house's own rests on all that it was shown."""
    try:
        against = denials(applied.rule or "", facts, where=applied.requirement.id)
    except InputError as error:
        return Reason(applied.requirement.id, Outcome.UNKNOWN, error.what, counting.digests)
    outcome = Outcome.FAIL if against else Outcome.PASS
    text = "; ".join(against) or "the rule has nothing against it"
    return Reason(applied.requirement.id, outcome, text, counting.digests)


def _counting(candidate: Candidate, records: Records, now: datetime) -> Counting:
    """The newest evidence of each check, and the approvals, that are about these very digests."""
    newest: dict[str, Signed[Evidence]] = {}
    for signed in records.evidence:
        name, at = signed.record.check.name, signed.record.effective_at
        if _other(signed.record, candidate, now) is None and (
            name not in newest
            or (at, signed.digest) > (newest[name].record.effective_at, newest[name].digest)
        ):
            newest[name] = signed
    approvals = _approvals(candidate, records.approvals, now)
    return Counting(newest, tuple(approvals[by] for by in sorted(approvals)))


def _approved(
    wanted: int,
    candidate: Candidate,
    approvals: Iterable[Signed[Approval]],
    now: datetime,
) -> _Part:
    """Four eyes: enough different people, none of whom trained the model."""
    counting = _approvals(candidate, approvals, now)
    trainer = counting.pop(candidate.trained_by or "", None)
    rests_on = tuple(counting[by].digest for by in sorted(counting))
    who = f"{len(counting)} of {wanted} approvals for these digests"
    if counting:
        who += f" ({', '.join(sorted(counting))})"
    if trainer:
        who += f"; {trainer.by} trained the model and may not approve it"
    outcome = Outcome.PASS if len(counting) >= wanted else Outcome.FAIL
    return _Part(outcome, who, rests_on)


def _approvals(
    candidate: Candidate, approvals: Iterable[Signed[Approval]], now: datetime
) -> dict[str, Signed[Approval]]:
    """Those for these digests and this stage, in date, signed by whoever they name; by name."""
    return {
        a.by: a
        for a in approvals
        if a.record.system == candidate.system
        and a.record.stage is candidate.stage
        and set(candidate.subjects) == set(a.record.subjects)
        and a.record.at <= now < a.record.expires_at
        and a.record.approver == a.by
    }


def _waive(
    reason: Reason, candidate: Candidate, waivers: Iterable[Signed[Waiver]], now: datetime
) -> Reason:
    if reason.outcome is Outcome.PASS:
        return reason
    for waiver in waivers:
        record = waiver.record
        if (
            record.requirement == reason.requirement
            and record.system == candidate.system
            and set(record.subjects) == set(candidate.subjects)
            and record.at <= now < record.until
            and record.owner == waiver.by != candidate.trained_by
        ):
            text = f"{reason.text}; waived by {record.owner} until {record.until:%Y-%m-%d}: "
            return Reason(
                reason.requirement,
                reason.outcome,
                text + record.reason,
                reason.evidence,
                waiver.digest,
            )
    return reason
