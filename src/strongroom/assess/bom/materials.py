"""What goes into a bill of materials, in no format: both writers say this and nothing else.

Pure: times, digests and evidence are arguments, so the same materials make the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from strongroom.assess.pins import Pin
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Curve, Evidence, Metric
from strongroom.domain.outcome import Outcome
from strongroom.domain.provenance import Provenance
from strongroom.governance.manifest import DataSet, System

MODEL: Final = "model"
NOT_STATED: Final = "not stated"
_SLICE: Final = re.compile(r"([^\[]+)\[(.+)\]\Z")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The version that this one follows."""

    version: Digest
    model: Digest


@dataclass(frozen=True, slots=True)
class Seen:
    """How the model was made, and the signed statement that says so."""

    provenance: Provenance
    statement: Digest


@dataclass(frozen=True, slots=True)
class Materials:
    """All that goes into a bill."""

    system: System
    digests: Mapping[str, Digest]
    """By artifact name: `model`, `data.train`, `data.test`, `manifest`."""
    pins: tuple[Pin, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """What was measured and checked; its figures become the card's, its digests references."""
    model_format: str | None = None
    """As the scanner recognised it."""
    made: Seen | None = None
    ancestor: Ancestor | None = None
    wanted_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By package: the packages that need it, as the requirements file says."""

    @property
    def name(self) -> str:
        """Of the model."""
        return f"{self.system.system.name}-model"

    @property
    def newest(self) -> tuple[Evidence, ...]:
        """The last word of each check, by name."""
        last: dict[str, Evidence] = {}
        for one in sorted(self.evidence, key=lambda e: e.recorded_at):
            last[one.check.name] = one
        return tuple(last[name] for name in sorted(last))

    @property
    def family(self) -> str | None:
        """What sort of model it is, where the format tells."""
        return families().get(self.model_format or "")

    @property
    def users(self) -> tuple[str, ...]:
        """Who works with it: as declared, else the owner."""
        model = self.system.model
        return (model.users if model else ()) or (self.system.system.owner,)

    @property
    def limits(self) -> tuple[str, ...]:
        """What the owner declares, and what the checks found wrong: the card says both."""
        declared = self.system.model.limitations if self.system.model else ()
        found = (
            f"{e.check}: {f.message}"
            for e in self.newest
            for f in e.own_findings
            if f.outcome is Outcome.FAIL
        )
        return (*declared, *found)

    @property
    def ethics(self) -> tuple[str, ...]:
        """Harms that the owner considered."""
        return self.system.model.ethics if self.system.model else ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure of every check."""
        return tuple(Figure.of(e, m) for e in self.newest for m in e.metrics)

    @property
    def curves(self) -> Iterator[tuple[str, Curve]]:
        """Every curve, with its check's name."""
        return ((e.check.name, curve) for e in self.newest for curve in e.curves)

    @property
    def datasets(self) -> tuple[Table, ...]:
        """The data sets, with who answers for them."""
        data = self.system.data
        if data is None:
            return ()
        named = (("data.train", data.train, "training"), ("data.test", data.test, "test"))
        return tuple(Table(n, d, use, self._owner(d), self.digests.get(n)) for n, d, use in named)

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Columns that are personal or protected."""
        if self.system.data is None:
            return ()
        schema = self.system.data.schema_
        named = [*schema.sensitive, *(c for c in (schema.entity, schema.id) if c)]
        return tuple(dict.fromkeys(named))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the model reads: `amount: float`."""
        data = self.system.data
        return tuple(f"{f.name}: {f.type}" for f in data.schema_.features) if data else ()

    @property
    def output(self) -> str | None:
        """What it says."""
        data = self.system.data
        return f"probability that {data.schema_.target} is 1" if data else None

    def _owner(self, dataset: DataSet) -> str:
        return dataset.owner or self.system.system.owner


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric, with what it is of."""

    type: str
    """`performance.discrimination/auc`."""
    metric: Metric
    part: str
    """Which part of the data, and how many: `payer,2; n=400 frauds; Wilson 95 %`."""

    @classmethod
    def of(cls, evidence: Evidence, metric: Metric) -> Figure:
        """Of one metric of one check."""
        sliced = _SLICE.match(metric.name)
        words = [
            sliced[2] if sliced else "",
            f"n={metric.n}" + (f" {metric.unit}" if metric.unit else ""),
            f"{metric.method} {metric.confidence:.0%}".strip(),
        ]
        return cls(f"{evidence.check.name}/{metric.name}", metric, "; ".join(filter(None, words)))


@dataclass(frozen=True, slots=True)
class Table:
    """A data set, and what it is for."""

    name: str
    dataset: DataSet
    use: str
    owner: str
    digest: Digest | None

    @property
    def parties(self) -> Iterable[tuple[str, str]]:
        """Role and name of everybody who answers for it."""
        named = (
            ("owners", self.owner),
            ("stewards", self.dataset.steward),
            ("custodians", self.dataset.custodian),
        )
        return ((role, name) for role, name in named if name)

    @property
    def description(self) -> str:
        """In a sentence."""
        return f"The {self.use} data; source: {self.dataset.source}."


@cache
def families() -> Mapping[str, str]:
    """Architecture family by model format, from `families.yaml`."""
    text = resources.files(__package__).joinpath("families.yaml").read_text("utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    return {format_: family for family, formats in raw.items() for format_ in formats}
