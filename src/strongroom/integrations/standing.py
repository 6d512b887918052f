"""Whether a model of somebody else's registry is the one that stands in a stage of ours."""

from __future__ import annotations

from strongroom.domain.decision import DECISION_TYPE, Decision, Stage, Verdict
from strongroom.domain.digests import Digest
from strongroom.domain.errors import DeniedError
from strongroom.domain.statement import Subject
from strongroom.home.home import Home
from strongroom.keys.trust import Role
from strongroom.registry import reading
from strongroom.registry.registry import Registry

_SHOWN = 5


def require_standing(home: Home, system: str, stage: Stage, model: Digest) -> None:
    """Raises DeniedError, with the gate's reasons, unless this very model stands in the stage.

    `model` is the digest of the model's file, or of its folder's tree.
    """
    subject = Subject("model", model)
    move = Registry(home).current(system, stage)
    if move is not None and subject in reading.sealed_or_fail(home, move.version).about:
        return
    why = _reasons(home, system, stage, subject)
    raise DeniedError(
        f"{system} {model.short} does not stand in {stage}: {why}",
        where=system,
        fix=f"strongroom mlflow promote {system} VERSION --to {stage}",
    )


def _reasons(home: Home, system: str, stage: Stage, model: Subject) -> str:
    for record in home.records(DECISION_TYPE, system=system):
        vouched = home.trust.verify(
            record.envelope, Role.DECISION, scope=system, at=record.recorded_at
        )
        decision = Decision.from_statement(vouched.statement)
        if decision.stage is not stage or model not in decision.subjects:
            continue
        if decision.verdict is Verdict.ALLOW:
            return "the gate allowed it, and nobody has promoted it since, or it was rolled back"
        bad = [f"{r.requirement} {r.outcome}: {r.text}" for r in decision.reasons if not r.ok]
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        return "the gate denied it: " + "; ".join(bad[:_SHOWN]) + more
    return "the gate has not decided about these digests"
