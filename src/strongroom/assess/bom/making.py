"""How the model was made, as the formulation of a CycloneDX bill."""

from __future__ import annotations

from typing import Any

from strongroom.assess.bom.card import refer
from strongroom.assess.bom.materials import MODEL, Seen
from strongroom.assess.bom.notation import note
from strongroom.domain.canonical import format_time
from strongroom.domain.provenance import Item

KNOWN = frozenset({MODEL, "data.train", "data.test"})
"""Names that are components of the bill."""


def formulation(made: Seen) -> dict[str, Any]:
    """One workflow of one step: the command that was recorded."""
    seen = made.provenance
    told = {
        **{f"environment.{k}": v for k, v in seen.environment.items()},
        **{f"context.{k}": v for k, v in seen.context.items()},
        **{f"complete.{k}": "yes" if v else "no" for k, v in seen.completeness.items()},
    }
    if seen.seed is not None:
        told["seed"] = str(seen.seed)
    workflow = {
        "bom-ref": "training",
        "uid": str(made.statement),
        "name": "training",
        "taskTypes": ["build"],
        "timeStart": format_time(seen.started),
        "timeEnd": format_time(seen.finished),
        "resourceReferences": [
            {
                "externalReference": refer(
                    "attestation", "provenance", made.statement, "SLSA build provenance"
                )
            }
        ],
        "steps": [{"name": "train", "commands": [{"executed": " ".join(seen.command)}]}],
        "inputs": [{"resource": _resource(item)} for item in seen.inputs],
        "outputs": [{"type": "artifact", "resource": _resource(item)} for item in seen.outputs],
        "properties": [note(name, value) for name, value in sorted(told.items())],
    }
    return {"bom-ref": "formulation", "workflows": [workflow]}


def _resource(item: Item) -> dict[str, Any]:
    if item.name in KNOWN:
        return {"ref": item.name}
    return {"externalReference": refer("other", "file", item.digest, item.name)}
