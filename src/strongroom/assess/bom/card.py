"""The model card of a CycloneDX bill."""

from __future__ import annotations

import base64
from typing import Any, Final

from strongroom.assess.bom.charts import svg
from strongroom.assess.bom.materials import Figure, Materials
from strongroom.assess.bom.notation import hash_of
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Evidence
from strongroom.domain.outcome import Outcome

MAX_CURVES: Final = 40
"""Drawings in one card."""


def card(materials: Materials) -> dict[str, Any]:
    """Parameters, figures with their intervals, drawings, and what to consider."""
    made: dict[str, Any] = {
        "bom-ref": "card",
        "modelParameters": _parameters(materials),
        "considerations": _considerations(materials),
    }
    analysis: dict[str, Any] = {}
    if figures := [_figure(figure) for figure in materials.figures]:
        analysis["performanceMetrics"] = figures
    if drawings := [_drawing(f"{c}/{curve.name}", svg(curve)) for c, curve in materials.curves]:
        analysis["graphics"] = {"collection": drawings[:MAX_CURVES]}
    if analysis:
        made["quantitativeAnalysis"] = analysis
    return made


def refer(kind: str, what: str, digest: Digest, comment: str) -> dict[str, Any]:
    """An external reference to something that is known by digest."""
    return {
        "type": kind,
        "url": f"urn:strongroom:{what}:{digest}",
        "comment": comment,
        "hashes": [hash_of(digest)],
    }


def _parameters(materials: Materials) -> dict[str, Any]:
    parameters: dict[str, Any] = {"approach": {"type": "supervised"}}
    if materials.system.model:
        parameters["task"] = materials.system.model.task
    if materials.family:
        parameters["architectureFamily"] = materials.family
    if materials.model_format:
        parameters["modelArchitecture"] = materials.model_format
    if materials.datasets:
        parameters["datasets"] = [{"ref": table.name} for table in materials.datasets]
    if materials.output:
        parameters["inputs"] = [{"format": text} for text in materials.inputs]
        parameters["outputs"] = [{"format": materials.output}]
    return parameters


def _considerations(materials: Materials) -> dict[str, Any]:
    made: dict[str, Any] = {
        "users": list(materials.users),
        "useCases": [materials.system.system.purpose],
    }
    if materials.limits:
        made["technicalLimitations"] = list(materials.limits)
    if materials.ethics:
        made["ethicalConsiderations"] = [{"name": text} for text in materials.ethics]
    fairness = [e for e in materials.newest if e.check.name.startswith("fairness.")]
    if assessed := [group for e in fairness for group in _fairness(materials, e)]:
        made["fairnessAssessments"] = assessed
    return made


def _fairness(materials: Materials, evidence: Evidence) -> list[dict[str, str]]:
    """Each protected attribute, and what was measured about it."""
    columns = materials.system.data.schema_.sensitive if materials.system.data else ()
    made = []
    for column in columns:
        about = [m for m in evidence.metrics if m.name.endswith(f"[{column}]")]
        said = ", ".join(f"{m.name} {m.value:.3g} [{m.low:.3g}, {m.high:.3g}]" for m in about)
        if about:
            failed = evidence.outcome is not Outcome.PASS
            made.append(
                {
                    "groupAtRisk": f"groups of {column}",
                    "harms": f"payments stopped more often in one group; measured: {said}",
                    "mitigationStrategy": f"{evidence.check} judges it: {evidence.outcome.value}"
                    + (", and it holds the model back" if failed else ""),
                }
            )
    return made


def _figure(figure: Figure) -> dict[str, Any]:
    metric = figure.metric
    return {
        "type": figure.type,
        "value": f"{metric.value:.6g}",
        "slice": figure.part,
        "confidenceInterval": {
            "lowerBound": f"{metric.low:.6g}",
            "upperBound": f"{metric.high:.6g}",
        },
    }


def _drawing(name: str, drawn: str) -> dict[str, Any]:
    content = base64.b64encode(drawn.encode()).decode("ascii")
    image = {"contentType": "image/svg+xml", "encoding": "base64", "content": content}
    return {"name": name, "image": image}
