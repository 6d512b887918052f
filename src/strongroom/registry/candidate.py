"""What the gate decides about, and what it counts: the version, and what was signed about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strongroom.domain.canonical import Json
from strongroom.domain.decision import Approval, Stage, Waiver
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Evidence
from strongroom.domain.statement import Subject
from strongroom.governance.manifest import System

R = TypeVar("R", Evidence, Approval, Waiver)


@dataclass(frozen=True, slots=True)
class Signed(Generic[R]):
    """A record whose signature the trust policy accepted."""

    digest: Digest
    """Of its statement."""
    by: str
    """The name of the key's holder."""
    record: R


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the decision is about."""

    system: str
    stage: Stage
    subjects: tuple[Subject, ...]
    """Every digest of this version: manifest, model, data sets, dependencies."""
    trained_by: str | None
    """Holder of the key of whoever trained the model; may not approve it."""
    manifest: Mapping[str, Json] = field(default_factory=dict)
    """The system as its manifest declares it, for rules of the house's own."""


def candidate_from(system: System, stage: Stage, subjects: tuple[Subject, ...]) -> Candidate:
    """What a decision about a declared system, at these digests, is about."""
    trainer = system.model.trained_by if system.model else None
    declared = system.model_dump(mode="json", exclude_none=True)
    return Candidate(system.system.name, stage, subjects, trainer, declared)


@dataclass(frozen=True, slots=True)
class Records:
    """All that was signed about the system and vouched for."""

    evidence: Sequence[Signed[Evidence]] = ()
    approvals: Sequence[Signed[Approval]] = ()
    waivers: Sequence[Signed[Waiver]] = ()
    refused: Sequence[str] = ()
    """One line for each record that was found and not believed, with the reason."""
