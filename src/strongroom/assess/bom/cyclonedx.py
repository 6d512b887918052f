"""Write a bill as CycloneDX 1.7: the model's card, data sets, dependencies, claims, formulation.

Built as plain JSON, since no library has classes for model cards; `validation.py` holds it against
the specification's own strict schema. Source: ECMA-424, CycloneDX 1.7, ML-BOM.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from strongroom import __version__
from strongroom.assess.bom.card import card, refer
from strongroom.assess.bom.making import formulation
from strongroom.assess.bom.materials import MODEL, NOT_STATED, Ancestor, Materials, Seen, Table
from strongroom.assess.bom.notation import hash_of, hashes_of, note
from strongroom.assess.pins import Pin
from strongroom.domain.canonical import canonical, format_time
from strongroom.domain.evidence import Evidence
from strongroom.domain.outcome import Outcome
from strongroom.governance.manifest import System

SPEC: Final = "1.7"
_NAMESPACE: Final = uuid.UUID("5d6b9e1c-6f0d-5f3e-9a54-6c1b1f2f6a70")


def build(materials: Materials, *, at: datetime | None = None) -> bytes:
    """The bill as canonical JSON bytes; the same materials and time give the same bytes."""
    system = materials.system
    components = [
        *(_dataset(materials, table) for table in materials.datasets),
        *(_dependency(pin) for pin in materials.pins),
    ]
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": _metadata(system, at),
        "components": [_model(materials), *components],
        "dependencies": _graph(materials, components),
    }
    if materials.evidence:
        document["declarations"] = _declarations(materials)
    if materials.made:
        document["formulation"] = [formulation(materials.made)]
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, canonical(document).decode())}"
    return canonical(document)


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
            note("kind", system.system.kind.value),
            note("criticality", system.system.criticality.value),
            note("jurisdictions", ",".join(system.system.jurisdictions)),
        ],
    }
    if at is not None:
        made["timestamp"] = format_time(at)
    return made


def _model(materials: Materials) -> dict[str, Any]:
    digest, model = materials.digests.get(MODEL), materials.system.model
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": materials.name,
        "description": materials.system.system.purpose,
        "modelCard": card(materials),
    }
    if digest is not None:
        component["version"] = digest.short
        component["hashes"] = [hash_of(digest)]
    known = {"format": materials.model_format, "trained_by": model.trained_by if model else None}
    if notes := [note(name, value) for name, value in known.items() if value]:
        component["properties"] = notes
    if pedigree := _pedigree(materials.ancestor, materials.made):
        component["pedigree"] = pedigree
    references = [_reference(e) for e in materials.newest]
    if materials.made:
        references.append(
            refer("attestation", "provenance", materials.made.statement, "SLSA build provenance")
        )
    if references:
        component["externalReferences"] = references
    return component


def _pedigree(ancestor: Ancestor | None, made: Seen | None) -> dict[str, Any]:
    """The version before, and the commit of the code that trained this one."""
    pedigree: dict[str, Any] = {}
    if ancestor:
        before = {
            "type": "machine-learning-model",
            "name": "the version before",
            "version": str(ancestor.version),
            "hashes": [hash_of(ancestor.model)],
        }
        pedigree["ancestors"] = [before]
    commit = made.provenance.commit if made else None
    if commit:
        told = {"uid": commit.id, **({"url": commit.origin} if commit.origin else {})}
        pedigree["commits"] = [told]
        if commit.dirty:
            pedigree["notes"] = "The code that ran was other than the commit."
    return pedigree


def _reference(evidence: Evidence) -> dict[str, Any]:
    digest = evidence.to_statement().digest
    return refer("evidence", "evidence", digest, f"{evidence.check}: {evidence.outcome.value}")


def _declarations(materials: Materials) -> dict[str, Any]:
    """One claim a check, with the evidence for it or against it."""
    assessor = {
        "bom-ref": "assessor",
        "thirdParty": False,
        "organization": {"name": materials.system.system.owner},
    }
    newest = materials.newest
    attested = {
        "summary": "What the checks said, each signed and logged.",
        "assessor": "assessor",
        "map": [
            {
                ("claims" if e.outcome is Outcome.PASS else "counterClaims"): [_claim_ref(e)],
                "conformance": {
                    "score": 1 if e.outcome is Outcome.PASS else 0,
                    "rationale": f"{e.check}: {e.outcome.value}",
                },
            }
            for e in newest
        ],
    }
    return {
        "assessors": [assessor],
        "attestations": [attested],
        "claims": [_claim(e) for e in newest],
        "evidence": [_evidence(e) for e in newest],
    }


def _claim(evidence: Evidence) -> dict[str, Any]:
    side = "evidence" if evidence.outcome is Outcome.PASS else "counterEvidence"
    return {
        "bom-ref": _claim_ref(evidence),
        "target": MODEL,
        "predicate": f"passes {evidence.check}",
        "reasoning": " ".join(f.message for f in evidence.own_findings)[:2000]
        or "The check said nothing.",
        side: [_evidence_ref(evidence)],
        "externalReferences": [_reference(evidence)],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    digest = evidence.to_statement().digest
    held = {"name": str(evidence.check), "contents": {"url": f"urn:strongroom:evidence:{digest}"}}
    return {
        "bom-ref": _evidence_ref(evidence),
        "description": f"What {evidence.check} said: {evidence.outcome.value}.",
        "created": format_time(evidence.recorded_at),
        "expires": format_time(evidence.expires_at),
        "data": [held],
    }


def _claim_ref(evidence: Evidence) -> str:
    return f"claim:{evidence.check}"


def _evidence_ref(evidence: Evidence) -> str:
    return f"evidence:{evidence.check}"


def _dataset(materials: Materials, table: Table) -> dict[str, Any]:
    governance: dict[str, Any] = {
        role: [{"organization": {"name": name}}] for role, name in table.parties
    }
    content: dict[str, Any] = {
        "type": "dataset",
        "name": table.name,
        "classification": table.dataset.classification.value,
        "description": table.description,
        "governance": governance,
    }
    if materials.sensitive:
        content["sensitiveData"] = list(materials.sensitive)
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": table.name,
        "name": table.name,
        "data": [content],
    }
    if table.dataset.licence != NOT_STATED:
        component["licenses"] = [{"license": {"name": table.dataset.licence}}]
    if table.digest is not None:
        component["version"] = table.digest.short
        component["hashes"] = [hash_of(table.digest)]
    return component


def _dependency(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "library", "bom-ref": pin_ref(pin), "name": pin.name}
    if pin.version:
        component["version"] = pin.version
        component["purl"] = pin.purl
    if pin.hashes:
        component["hashes"] = hashes_of(pin)
    if pin.marker:
        component["properties"] = [note("marker", pin.marker)]
    return component


def pin_ref(pin: Pin) -> str:
    """A name within the bill: the same package may stand there twice, for two platforms."""
    return f"line-{pin.line}:{pin.name}"


def _graph(materials: Materials, components: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The system rests on its model; the model on its data and packages; these on others."""
    refs = sorted({str(component["bom-ref"]) for component in components})
    needs: dict[str, set[str]] = {ref: set() for ref in refs}
    known = {pin.name: pin_ref(pin) for pin in materials.pins}
    for name, parents in materials.wanted_by.items():
        for parent in parents:
            if name in known and parent in known:
                needs[known[parent]].add(known[name])
    return [
        {"ref": "system", "dependsOn": [MODEL]},
        {"ref": MODEL, "dependsOn": refs},
        *(
            {"ref": ref, **({"dependsOn": sorted(needs[ref])} if needs[ref] else {})}
            for ref in refs
        ),
    ]
