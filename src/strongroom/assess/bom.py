"""The AI bill of materials: CycloneDX 1.7 with the model's card, data sets and dependencies.

Built as plain JSON, since no library has classes for model cards, and held against the
specification's own strict schema by `validate`. Pure: times, digests and evidence are arguments.
Source: ECMA-424, CycloneDX 1.7, ML-BOM.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom import __version__
from strongroom.assess.pins import Pin
from strongroom.domain.canonical import canonical, format_time
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, MissingExtra
from strongroom.domain.evidence import Evidence, Metric
from strongroom.governance.manifest import Data, DataSet, Schema, System

SPEC: Final = "1.7"
MODEL: Final = "model"
_ALGORITHMS: Final = {
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "blake3": "BLAKE3",
}
_NOT_STATED: Final = "not stated"


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


def build(materials: Materials, *, at: datetime | None = None) -> bytes:
    """The bill as canonical JSON bytes; the same materials and time give the same bytes."""
    system = materials.system
    components = [*_datasets(materials), *(_dependency(p) for p in materials.pins)]
    model = _model(materials)
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": _metadata(system, at),
        "components": [model, *components],
        "dependencies": _graph(components),
    }
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, canonical(document).decode())}"
    return canonical(document)


def validate(document: bytes) -> None:
    """Hold the bill against the strict schema. Raises InputError, MissingExtra."""
    try:
        # Optional and heavy: only those who validate need it.
        from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
        from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("bom", "validating a bill of materials") from error
    problem = JsonStrictValidator(SchemaVersion.V1_7).validate_str(document.decode("utf-8"))
    if problem is not None:
        raise InputError(f"not a valid CycloneDX {SPEC} document: {problem!s:.500}", where="bom")


_NAMESPACE: Final = uuid.UUID("5d6b9e1c-6f0d-5f3e-9a54-6c1b1f2f6a70")


def _metadata(system: System, at: datetime | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "tools": {
            "components": [{"type": "application", "name": "strongroom", "version": __version__}]
        },
        "component": {
            "type": "application",
            "bom-ref": "system",
            "name": system.system.name,
            "description": system.system.purpose,
            "supplier": {"name": system.system.owner},
        },
        "properties": [
            _property("kind", system.system.kind.value),
            _property("criticality", system.system.criticality.value),
            _property("jurisdictions", ",".join(system.system.jurisdictions)),
        ],
    }
    if at is not None:
        made["timestamp"] = format_time(at)
    return made


def _model(materials: Materials) -> dict[str, Any]:
    digest = materials.digests.get(MODEL)
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": f"{materials.system.system.name}-model",
        "description": materials.system.system.purpose,
        "modelCard": _card(materials),
    }
    if digest is not None:
        component["version"] = digest.short
        component["hashes"] = [_hash(digest)]
    properties = []
    if materials.model_format:
        properties.append(_property("format", materials.model_format))
    if materials.system.model:
        properties.append(_property("trained_by", materials.system.model.trained_by))
    if properties:
        component["properties"] = properties
    if materials.evidence:
        component["externalReferences"] = [_reference(e) for e in _newest(materials.evidence)]
    return component


def _card(materials: Materials) -> dict[str, Any]:
    system, data = materials.system, materials.system.data
    parameters: dict[str, Any] = {"approach": {"type": "supervised"}}
    if system.model:
        parameters["task"] = system.model.task
    if data:
        parameters["datasets"] = [{"ref": name} for name in ("data.train", "data.test")]
        parameters["inputs"] = [
            {"format": f"{feature.name}: {feature.type}"} for feature in data.schema_.features
        ]
        parameters["outputs"] = [{"format": f"probability that {data.schema_.target} is 1"}]
    card: dict[str, Any] = {
        "modelParameters": parameters,
        "considerations": {
            "users": [system.system.owner],
            "useCases": [system.system.purpose],
        },
    }
    if limits := _limits(materials.evidence):
        card["considerations"]["technicalLimitations"] = limits
    if metrics := [_metric(e, m) for e in _newest(materials.evidence) for m in e.metrics]:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return card


def _limits(evidence: Iterable[Evidence]) -> list[str]:
    """What the checks found wrong: the card says it too."""
    return [
        f"{e.check}: {f.message}"
        for e in _newest(evidence)
        for f in e.own_findings
        if f.outcome.value == "fail"
    ]


def _metric(evidence: Evidence, metric: Metric) -> dict[str, Any]:
    return {
        "type": f"{evidence.check.name}/{metric.name}",
        "value": f"{metric.value:.6g}",
        "slice": f"n={metric.n}" + (f" {metric.unit}" if metric.unit else ""),
        "confidenceInterval": {
            "lowerBound": f"{metric.low:.6g}",
            "upperBound": f"{metric.high:.6g}",
        },
    }


def _newest(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The last word of each check, by name."""
    last: dict[str, Evidence] = {}
    for one in sorted(evidence, key=lambda e: e.recorded_at):
        last[one.check.name] = one
    return [last[name] for name in sorted(last)]


def _reference(evidence: Evidence) -> dict[str, Any]:
    digest = evidence.to_statement().digest
    return {
        "type": "evidence",
        "url": f"urn:strongroom:evidence:{digest}",
        "comment": f"{evidence.check}: {evidence.outcome.value}",
        "hashes": [_hash(digest)],
    }


def _datasets(materials: Materials) -> list[dict[str, Any]]:
    data = materials.system.data
    if data is None:
        return []
    owner = materials.system.system.owner
    named = (("data.train", data.train, "training"), ("data.test", data.test, "test"))
    return [
        _dataset(name, dataset, use, data, owner, materials.digests.get(name))
        for name, dataset, use in named
    ]


def _dataset(
    name: str, dataset: DataSet, use: str, data: Data, owner: str, digest: Digest | None
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": "dataset",
        "name": name,
        "classification": dataset.classification.value,
        "description": f"The {use} data; source: {dataset.source}.",
        "governance": {"owners": [{"organization": {"name": owner}}]},
    }
    if sensitive := _sensitive(data.schema_):
        content["sensitiveData"] = sensitive
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": name,
        "name": name,
        "data": [content],
    }
    if dataset.licence != _NOT_STATED:
        component["licenses"] = [{"license": {"name": dataset.licence}}]
    if digest is not None:
        component["version"] = digest.short
        component["hashes"] = [_hash(digest)]
    return component


def _sensitive(schema: Schema) -> list[str]:
    named = [*schema.sensitive, *(c for c in (schema.entity, schema.id) if c)]
    return list(dict.fromkeys(named))


def _dependency(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"line-{pin.line}:{pin.name}",
        "name": pin.name,
    }
    if pin.version:
        component["version"] = pin.version
        component["purl"] = pin.purl
    if pin.hashes:
        component["hashes"] = [{"alg": _ALGORITHMS[a], "content": h} for a, h in pin.hashes]
    if pin.marker:
        component["properties"] = [_property("marker", pin.marker)]
    return component


def _graph(components: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The system rests on its model; the model on its data and on what it is run with."""
    refs = sorted({str(component["bom-ref"]) for component in components})
    return [
        {"ref": "system", "dependsOn": [MODEL]},
        {"ref": MODEL, "dependsOn": refs},
        *({"ref": ref} for ref in refs),
    ]


def _hash(digest: Digest) -> dict[str, str]:
    return {"alg": _ALGORITHMS[digest.algorithm], "content": digest.hex}


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"strongroom:{name}", "value": value}
