"""What may be asked of a system, and what shows that it is met.

The requirements themselves are data, `catalog/*.yaml`, one file a family; `catalog.py` reads them.
`docs/requirements.md` describes the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import CheckId, Threshold
from strongroom.governance.manifest import Criticality, EntityType, Kind


class Declares(StrEnum):
    """What a manifest must hold for a requirement to make sense."""

    DEPENDENCIES = "dependencies"
    """A dependencies file."""
    ENTITY_AND_TIME = "entity_and_time"
    """Columns that name the card or customer, and the time."""
    PROTECTED = "protected"
    """A sensitive column, or a feature whose name looks like one."""
    RECORDED_TRAINING = "recorded_training"
    """A training section that says it is recorded."""


@dataclass(frozen=True, slots=True)
class Applies:
    """To which systems a requirement speaks; an empty tuple means any."""

    kinds: tuple[Kind, ...] = ()
    min_criticality: Criticality = Criticality.LOW
    jurisdictions: tuple[str, ...] = ()
    """ISO 3166-1 alpha-2; `EU` stands for its member states too."""
    entity_types: tuple[EntityType, ...] = ()
    declares: tuple[Declares, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit(Threshold):
    """A threshold of the catalog, which knows whether an owner may loosen it."""

    adjustable: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """One check that must have passed, and the bounds that its figures must meet."""

    check: CheckId
    """This version of the check, or a newer one."""
    thresholds: tuple[Threshold, ...] = ()
    max_age: timedelta = timedelta(days=90)
    """How old the evidence may be."""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A clause, control, technique or risk of a framework."""

    framework: str
    """Key in `Catalog.frameworks`: `bnm_rmit_2025`."""
    edition: str
    id: str
    """Exactly as the framework writes it: `RMiT App.9(2)(a)`."""

    def __str__(self) -> str:
        return f"{self.framework} {self.id}"


@dataclass(frozen=True, slots=True)
class Exemption:
    """Clauses that do not bind some of those whom the framework otherwise binds."""

    ids: tuple[str, ...]
    """Ids, or patterns such as `RMiT 17.*`."""
    entity_types: tuple[EntityType, ...]


@dataclass(frozen=True, slots=True)
class Framework:
    """A law, standard or catalogue of threats that requirements refer to."""

    key: str
    title: str
    edition: str
    confidence: str
    """`primary`, or `check before citing` where our source is secondary."""
    cited: frozenset[str]
    """The ids that the catalog cites."""
    jurisdictions: tuple[str, ...] = ()
    """Where it is binding; nothing if it binds nobody by law."""
    entity_types: tuple[EntityType, ...] = ()
    """Whom it binds there; empty for everybody."""
    exemptions: tuple[Exemption, ...] = ()
    note: str = ""

    def exempts(self, clause: str, entity_type: EntityType) -> bool:
        """Does this clause leave that type of entity out?"""
        return any(
            entity_type in exemption.entity_types
            and any(fnmatchcase(clause, pattern) for pattern in exemption.ids)
            for exemption in self.exemptions
        )


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is asked of systems."""

    id: str
    """`SR-SC-01`: given once, never reused."""
    title: str
    statement: str
    stages: tuple[Stage, ...]
    """Stages that may not be entered without it."""
    applies: Applies = Applies()
    needs: tuple[Need, ...] = ()
    approvals: Mapping[Stage, int] | int = 0
    """How many people other than the trainer must approve, by stage or for every stage."""
    references: tuple[Reference, ...] = ()
    planned: bool = False
    """No check of this release can show it, so it stays unknown until one can."""
    owner_bounds: bool = False
    """Stands for the bounds of the manifest that no other requirement holds."""

    def approvals_for(self, stage: Stage) -> int:
        """How many approvals this stage takes."""
        if isinstance(self.approvals, int):
            return self.approvals
        return self.approvals.get(stage, 0)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All requirements and the frameworks that they refer to."""

    requirements: tuple[Requirement, ...]
    frameworks: Mapping[str, Framework]
    digest: Digest
    """Of the data files."""

    def requirement(self, name: str) -> Requirement:
        """By id. Raises InputError."""
        for requirement in self.requirements:
            if requirement.id == name:
                return requirement
        raise InputError(f"no requirement {name}", fix="see `strongroom controls`")

    @property
    def checks(self) -> Mapping[str, CheckId]:
        """Every check that some requirement needs, by name, in the newest version asked for."""
        needs = (need.check for r in self.requirements for need in r.needs)
        return {check.name: check for check in sorted(needs)}
