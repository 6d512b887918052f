"""What changed between two versions: facts of each, compared line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Metric
from strongroom.governance.manifest import System


class Kind(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    HIGHER = "higher"
    LOWER = "lower"
    NOISE = "within noise"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is compared of one version."""

    name: str
    """As the user named it."""
    system: System
    artifacts: Mapping[str, Digest]
    packages: Mapping[str, str]
    """Version by package; `not pinned` without one."""
    metrics: Mapping[str, Metric]
    """By `check/metric`."""
    outcomes: Mapping[str, str]
    """Of each requirement in the newest decision."""
    policy: Digest | None
    approvals: frozenset[str]
    """`bob for production`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    area: str
    """`artifacts`, `schema`, `data`, `dependencies`, `metrics`, `manifest`, `requirements`…"""
    what: str
    kind: Kind
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.kind is Kind.ADDED:
            return f"{self.what} is new: {self.after}"
        if self.kind is Kind.REMOVED:
            return f"{self.what} is gone: it was {self.before}"
        how = "" if self.kind is Kind.CHANGED else f" ({self.kind})"
        return f"{self.what}: {self.before} → {self.after}{how}"


def compare(a: Facts, b: Facts) -> tuple[Change, ...]:
    """Everything that differs, area by area. A figure that moved within noise is told as such."""
    return (
        *_maps("artifacts", _texts(a.artifacts), _texts(b.artifacts)),
        *_maps("schema", _schema(a.system), _schema(b.system)),
        *_maps("manifest", _declared(a.system), _declared(b.system)),
        *_maps("dependencies", a.packages, b.packages),
        *_metrics(a.metrics, b.metrics),
        *_maps("thresholds", _thresholds(a.system), _thresholds(b.system)),
        *_maps("requirements", a.outcomes, b.outcomes),
        *_maps("policy", _policy(a), _policy(b)),
        *_maps(
            "approvals", dict.fromkeys(a.approvals, "given"), dict.fromkeys(b.approvals, "given")
        ),
    )


def _maps(area: str, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*a, *b}):
        before, after = a.get(name), b.get(name)
        if before is None:
            yield Change(area, name, Kind.ADDED, None, after)
        elif after is None:
            yield Change(area, name, Kind.REMOVED, before, None)
        elif before != after:
            yield Change(area, name, Kind.CHANGED, before, after)


def _metrics(a: Mapping[str, Metric], b: Mapping[str, Metric]) -> Iterator[Change]:
    """Intervals that overlap cannot tell two figures apart: that is noise, not a change.

    Which direction is better depends on the figure, so it is called higher or lower.
    """
    for name in sorted({*a, *b}):
        old, new = a.get(name), b.get(name)
        before, after = (_figure(old) if old else None), (_figure(new) if new else None)
        if old is None or new is None:
            kind = Kind.ADDED if old is None else Kind.REMOVED
            yield Change("metrics", name, kind, before, after)
        elif before != after:
            yield Change("metrics", name, _moved(old, new), before, after)


def _moved(old: Metric, new: Metric) -> Kind:
    if new.low > old.high:
        return Kind.HIGHER
    return Kind.LOWER if new.high < old.low else Kind.NOISE


def _figure(metric: Metric) -> str:
    exact = metric.low == metric.high
    return f"{metric.value:.4g}" + ("" if exact else f" [{metric.low:.4g}, {metric.high:.4g}]")


def _schema(system: System) -> dict[str, str]:
    if system.data is None:
        return {}
    schema = system.data.schema_
    features = {
        f"feature {f.name}": _words(
            f.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
        )
        or "float"
        for f in schema.features
    }
    order = {"order of features": " ".join(f.name for f in schema.features)}
    rest = schema.model_dump(mode="json", exclude={"features"}, exclude_none=True)
    return {**features, **order, **{name: _words(value) for name, value in rest.items()}}


def _declared(system: System) -> dict[str, str]:
    """All that the manifest says beside schema and thresholds, one line a field."""
    raw = system.model_dump(mode="json", by_alias=True, exclude={"thresholds"}, exclude_none=True)
    raw.get("data", {}).pop("schema", None)
    return dict(_flat("", raw))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    else:
        yield prefix, _words(value)


def _thresholds(system: System) -> dict[str, str]:
    return {
        f"{bound.check}/{bound.metric}": _words(
            {"at_least": bound.at_least, "at_most": bound.at_most}
        )
        for bound in system.thresholds
    }


def _policy(facts: Facts) -> dict[str, str]:
    return {"requirements in force": str(facts.policy)} if facts.policy else {}


def _texts(digests: Mapping[str, Digest]) -> dict[str, str]:
    return {name: str(digest) for name, digest in digests.items()}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value)) or "none"
    return str(value)
