"""Which requirements apply to a system at a stage, and why; which do not, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from strongroom.domain.decision import Stage
from strongroom.domain.evidence import CheckId, Threshold
from strongroom.governance.bounds import join
from strongroom.governance.jurisdictions import places
from strongroom.governance.manifest import Bound, Criticality, System
from strongroom.governance.requirement import (
    Catalog,
    Declares,
    Framework,
    Limit,
    Need,
    Reference,
    Requirement,
)
from strongroom.governance.words import looks_protected

_ORDER: Final = tuple(Criticality)
_DECLARES_WHY_NOT: Final = {
    Declares.DEPENDENCIES: "the manifest names no dependencies file",
    Declares.ENTITY_AND_TIME: "the schema names no entity and time columns",
    Declares.PROTECTED: "the schema names no sensitive column, and no feature looks like one",
    Declares.RECORDED_TRAINING: "the manifest does not say that training is recorded",
}


@dataclass(frozen=True, slots=True)
class Applied:
    """A requirement that applies, with what the manifest's own bounds make of it."""

    requirement: Requirement
    why: str
    """Why it applies, in a sentence."""
    needs: tuple[Need, ...]
    """Checks with the thresholds in force."""
    approvals: int
    """How many people other than the trainer must approve."""
    binding: tuple[Reference, ...] = ()
    """Those references that bind this system by law or licence."""
    rule: str | None = None
    """Rego that must deny nothing: a requirement of the house's own, see `governance.rego`."""


@dataclass(frozen=True, slots=True)
class NotApplied:
    """A requirement that does not apply."""

    requirement: Requirement
    why: str


def applicable(catalog: Catalog, system: System, stage: Stage) -> tuple[Applied, ...]:
    """What is required before the system may enter the stage, in the order of ids.

    Raises InputError if the manifest loosens a threshold that is not adjustable.
    """
    reached = [
        requirement
        for requirement in catalog.requirements
        if not requirement.owner_bounds and _why_not(requirement, system, stage) is None
    ]
    left = _unclaimed(reached, system.thresholds)
    applied = [_apply(catalog, requirement, system, stage) for requirement in reached]
    for requirement in catalog.requirements:
        if requirement.owner_bounds and left and stage in requirement.stages:
            needs = _owner_needs(catalog, left)
            applied.append(Applied(requirement, "the manifest sets these bounds", needs, 0))
    return tuple(sorted(applied, key=lambda a: a.requirement.id))


def not_applicable(catalog: Catalog, system: System, stage: Stage) -> tuple[NotApplied, ...]:
    """The rest of the catalog, each with the reason why it does not apply."""
    in_force = {applied.requirement.id for applied in applicable(catalog, system, stage)}
    return tuple(
        NotApplied(
            requirement,
            _why_not(requirement, system, stage) or "the manifest sets no bounds of its own",
        )
        for requirement in catalog.requirements
        if requirement.id not in in_force
    )


def binding(catalog: Catalog, requirement: Requirement, system: System) -> tuple[Reference, ...]:
    """The references of a requirement that bind the system's operator where it operates."""
    return tuple(
        reference
        for reference in requirement.references
        if _binds(catalog.frameworks[reference.framework], reference.id, system)
    )


def _binds(framework: Framework, clause: str, system: System) -> bool:
    who, where = system.system.entity_type, system.system.jurisdictions
    return (
        any(places().reaches(law, place) for law in framework.jurisdictions for place in where)
        and (not framework.entity_types or who in framework.entity_types)
        and not framework.exempts(clause, who)
    )


def _why_not(requirement: Requirement, system: System, stage: Stage) -> str | None:
    """Why a requirement does not apply, or None if it does."""
    identity, applies = system.system, requirement.applies
    if stage not in requirement.stages:
        return f"asked only before {_any_of(requirement.stages)}"
    if applies.kinds and identity.kind not in applies.kinds:
        return f"for {_any_of(applies.kinds)}; this is {identity.kind}"
    if _ORDER.index(identity.criticality) < _ORDER.index(applies.min_criticality):
        return f"from criticality {applies.min_criticality}; this is {identity.criticality}"
    if applies.jurisdictions and not _shared(applies.jurisdictions, identity.jurisdictions):
        runs_in = ", ".join(identity.jurisdictions)
        return f"for {_any_of(applies.jurisdictions)}; runs in {runs_in}"
    if applies.entity_types and identity.entity_type not in applies.entity_types:
        return f"for {_any_of(applies.entity_types)}; operated by {identity.entity_type}"
    for wanted in applies.declares:
        if not _declares(system, wanted):
            return _DECLARES_WHY_NOT[wanted]
    return None


def _why(requirement: Requirement, system: System) -> str:
    applies, identity = requirement.applies, system.system
    reasons = [f"every {identity.kind}" if applies.kinds else "every system"]
    if applies.min_criticality is not Criticality.LOW:
        reasons.append(f"criticality {identity.criticality} (from {applies.min_criticality})")
    if applies.jurisdictions:
        shared = _shared(applies.jurisdictions, identity.jurisdictions)
        reasons.append(f"runs in {', '.join(shared)}")
    if applies.entity_types:
        reasons.append(f"operated by {identity.entity_type}")
    if Declares.PROTECTED in applies.declares:
        reasons.append(f"protected attributes: {', '.join(_protected(system))}")
    return "; ".join(reasons)


def _apply(catalog: Catalog, requirement: Requirement, system: System, stage: Stage) -> Applied:
    needs = []
    for need in requirement.needs:
        bounds = [bound for bound in system.thresholds if bound.check == need.check.name]
        thresholds = tuple(join(requirement, t, bounds) for t in need.thresholds)
        needs.append(replace(need, thresholds=thresholds))
    return Applied(
        requirement,
        _why(requirement, system),
        tuple(needs),
        requirement.approvals_for(stage),
        binding(catalog, requirement, system),
    )


def _unclaimed(reached: Iterable[Requirement], bounds: Iterable[Bound]) -> list[Bound]:
    """The owner's bounds on metrics that no requirement in force bounds: they bind all the same."""
    claimed = {
        (need.check.name, threshold.metric)
        for requirement in reached
        for need in requirement.needs
        for threshold in need.thresholds
    }
    return [bound for bound in bounds if (bound.check, bound.metric) not in claimed]


def _owner_needs(catalog: Catalog, bounds: Iterable[Bound]) -> tuple[Need, ...]:
    by_check: dict[str, list[Threshold]] = {}
    for bound in bounds:
        limit = Limit(bound.metric, bound.at_least, bound.at_most, bound.source, adjustable=True)
        by_check.setdefault(bound.check, []).append(limit)
    return tuple(
        Need(catalog.checks.get(name, CheckId(name, 1)), tuple(thresholds))
        for name, thresholds in sorted(by_check.items())
    )


def _declares(system: System, wanted: Declares) -> bool:
    if wanted is Declares.DEPENDENCIES:
        return system.dependencies is not None
    if wanted is Declares.RECORDED_TRAINING:
        return bool(system.model and system.model.training and system.model.training.recorded)
    if system.data is None:
        return False
    schema = system.data.schema_
    if wanted is Declares.ENTITY_AND_TIME:
        return schema.entity is not None and schema.time is not None
    return bool(_protected(system))


def _protected(system: System) -> tuple[str, ...]:
    """Sensitive columns; failing those, features whose names look protected.

    So leaving `sensitive` empty does not switch fairness off.
    """
    if system.data is None:
        return ()
    schema = system.data.schema_
    return schema.sensitive or tuple(f.name for f in schema.features if looks_protected(f.name))


def _shared(laws: Sequence[str], runs_in: Sequence[str]) -> list[str]:
    return [p for p in runs_in if any(places().reaches(law, p) for law in laws)]


def _any_of(items: Sequence[str]) -> str:
    *most, last = (str(item) for item in items)
    return f"{', '.join(most)} or {last}" if most else last
