"""Reads the catalog's data files into records, and refuses what does not hold together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest, sha256, sha256_of_tree
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import CheckId
from strongroom.governance.manifest import Criticality, EntityType, Kind
from strongroom.governance.problems import as_error
from strongroom.governance.requirement import (
    Applies,
    Catalog,
    Declares,
    Exemption,
    Framework,
    Limit,
    Need,
    Reference,
    Requirement,
)
from strongroom.governance.strict_yaml import read_yaml

__all__ = [
    "Applies",
    "Catalog",
    "Framework",
    "Limit",
    "Need",
    "Reference",
    "Requirement",
    "load_catalog",
    "read_catalog",
]

FRAMEWORKS: Final = "frameworks.yaml"
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Raw(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _RawLimit(_Raw):
    metric: Text
    at_least: float | None = None
    at_most: float | None = None
    source: Text
    adjustable: bool

    def made(self) -> Limit:
        if self.at_least is None and self.at_most is None:
            raise InputError(f"threshold on {self.metric} bounds nothing")
        return Limit(self.metric, self.at_least, self.at_most, self.source, self.adjustable)


class _RawNeed(_Raw):
    check: Text
    max_age_days: int = Field(gt=0, le=400)
    thresholds: tuple[_RawLimit, ...] = ()

    def made(self) -> Need:
        thresholds = tuple(limit.made() for limit in self.thresholds)
        return Need(CheckId.parse(self.check), thresholds, timedelta(days=self.max_age_days))


class _RawApplies(_Raw):
    kinds: tuple[Kind, ...] = ()
    min_criticality: Criticality = Criticality.LOW
    jurisdictions: tuple[Text, ...] = ()
    entity_types: tuple[EntityType, ...] = ()
    declares: tuple[Declares, ...] = ()


class _RawRequirement(_Raw):
    id: Annotated[str, StringConstraints(pattern=r"^SR-[A-Z]{2}-[0-9]{2}$")]
    title: Text
    statement: Text
    stages: tuple[Stage, ...] = Field(min_length=1)
    applies: _RawApplies = _RawApplies()
    needs: tuple[_RawNeed, ...] = ()
    approvals: dict[Stage, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    references: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    planned: bool = False
    owner_bounds: bool = False

    def made(self, frameworks: Mapping[str, Framework]) -> Requirement:
        shown = bool(self.needs or self.approvals)
        if sum((shown, self.planned, self.owner_bounds)) != 1:
            raise InputError(
                f"{self.id} must have needs or approvals, or be planned, or hold owner bounds",
                fix="exactly one of these",
            )
        return Requirement(
            self.id,
            self.title,
            " ".join(self.statement.split()),
            self.stages,
            Applies(**dict(self.applies)),
            tuple(need.made() for need in self.needs),
            self.approvals,
            tuple(_references(self, frameworks)),
            self.planned,
            self.owner_bounds,
        )


class _RawFamily(_Raw):
    family: Text
    requirements: tuple[_RawRequirement, ...] = Field(min_length=1)


class _RawExemption(_Raw):
    ids: tuple[Text, ...]
    entity_types: tuple[EntityType, ...]


class _RawBinding(_Raw):
    jurisdictions: tuple[Text, ...]
    entity_types: tuple[EntityType, ...] = ()
    exemptions: tuple[_RawExemption, ...] = ()


class _RawFramework(_Raw):
    title: Text
    edition: Text
    confidence: Text
    binds: _RawBinding | None = None
    note: str = ""
    cited: tuple[Text, ...]

    def made(self, key: str) -> Framework:
        binds = self.binds or _RawBinding(jurisdictions=())
        return Framework(
            key,
            self.title,
            self.edition,
            self.confidence,
            frozenset(self.cited),
            binds.jurisdictions,
            binds.entity_types,
            tuple(Exemption(e.ids, e.entity_types) for e in binds.exemptions),
            self.note,
        )


class _RawFrameworks(_Raw):
    frameworks: dict[Text, _RawFramework]


@cache
def load_catalog() -> Catalog:
    """The catalog that ships with Strongroom."""
    folder = files("strongroom.governance").joinpath("catalog")
    return read_catalog(
        {f.name: f.read_bytes() for f in folder.iterdir() if f.name.endswith(".yaml")}
    )


def read_catalog(sources: Mapping[str, bytes]) -> Catalog:
    """A catalog from the bytes of its files by name. Raises InputError."""
    if FRAMEWORKS not in sources:
        raise InputError(f"no {FRAMEWORKS} in the catalog")
    raw = _parse(_RawFrameworks, FRAMEWORKS, sources[FRAMEWORKS])
    frameworks = {key: framework.made(key) for key, framework in raw.frameworks.items()}
    requirements = [
        requirement.made(frameworks)
        for name in sorted(set(sources) - {FRAMEWORKS})
        for requirement in _parse(_RawFamily, name, sources[name]).requirements
    ]
    _refuse_twice(r.id for r in requirements)
    return Catalog(tuple(sorted(requirements, key=lambda r: r.id)), frameworks, _digest_of(sources))


def _digest_of(sources: Mapping[str, bytes]) -> Digest:
    return sha256_of_tree({name: sha256(data) for name, data in sources.items()})


def _references(raw: _RawRequirement, frameworks: Mapping[str, Framework]) -> Iterable[Reference]:
    for key, ids in raw.references.items():
        if key not in frameworks:
            raise InputError(f"{raw.id} refers to unknown framework {key}")
        for name in ids:
            if name not in frameworks[key].cited:
                raise InputError(
                    f"{raw.id} refers to {key} {name}, which {FRAMEWORKS} does not list",
                    fix="list the id there once it is checked against the framework",
                )
            yield Reference(key, frameworks[key].edition, name)


def _refuse_twice(ids: Iterable[str]) -> None:
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(f"requirements defined twice: {', '.join(twice)}")


def _parse(model: type[Any], name: str, data: bytes) -> Any:
    tree = read_yaml(data)
    if tree.problems:
        raise as_error(tree.problems, tree.lines, name)
    try:
        return model.model_validate(tree.value)
    except ValidationError as error:
        raise InputError(f"not a catalog file: {error}", where=name) from error
