"""Write a bill as SPDX 3.0.1 JSON-LD: AI, Dataset, Software, Build and SimpleLicensing profiles.

Built as plain JSON; `validation.py` holds it against the classes that SPDX generates from its own
model. Source: SPDX Specification 3.0.1 (spdx.github.io/spdx-spec/v3.0.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from strongroom import __version__
from strongroom.assess.bom.materials import MODEL, NOT_STATED, Figure, Materials, Seen, Table
from strongroom.assess.pins import Pin
from strongroom.domain.canonical import canonical
from strongroom.domain.digests import Digest
from strongroom.domain.provenance import BUILD_TYPE

SPEC: Final = "3.0.1"
CONTEXT: Final = f"https://spdx.org/rdf/{SPEC}/spdx-context.jsonld"
_CREATION: Final = "_:creation"
_CONFIDENTIALITY: Final = {
    "public": "clear",
    "internal": "green",
    "confidential": "amber",
    "restricted": "red",
}
"""Our classes, as the Traffic Light Protocol that SPDX uses."""
_GIT: Final = {40: "sha1", 64: "sha256"}
"""Hash of a commit's name, by its length."""
Element = dict[str, Any]


def build_spdx(materials: Materials, *, at: datetime) -> bytes:
    """The bill as canonical JSON bytes; the same materials and time give the same bytes."""
    writer = _Writer(materials, _time(at))
    elements = list(writer.elements())
    graph = [writer.creation(), writer.document(elements), *elements]
    return canonical({"@context": CONTEXT, "@graph": graph})


class _Writer:
    def __init__(self, materials: Materials, at: str) -> None:
        self._materials = materials
        self._at = at
        model = materials.digests.get(MODEL) or materials.digests.get("manifest")
        self._space = f"urn:strongroom:bill:{materials.system.system.name}:" + (
            model.short if model else "no-model"
        )

    def creation(self) -> Element:
        return {
            "@id": _CREATION,
            "type": "CreationInfo",
            "created": self._at,
            "createdBy": [self._id("owner")],
            "createdUsing": [self._id("strongroom")],
            "specVersion": SPEC,
        }

    def document(self, elements: list[Element]) -> Element:
        """The second element of the graph; its name is the system's."""
        profiles = ["core", "software", "ai", "dataset", "simpleLicensing"]
        return self._element(
            "SpdxDocument",
            "document",
            name=self._materials.system.system.name,
            element=sorted(e["spdxId"] for e in elements),
            rootElement=[self._id("bom")],
            profileConformance=profiles + (["build"] if self._materials.made else []),
        )

    def elements(self) -> Iterator[Element]:
        materials = self._materials
        yield self._element("Organization", "owner", name=materials.system.system.owner)
        yield self._element("Tool", "strongroom", name=f"strongroom {__version__}")
        yield self._element(
            "software_Sbom",
            "bom",
            name=f"{materials.name} bill of materials",
            rootElement=[self._id(MODEL)],
            software_sbomType=["build"],
        )
        yield self._model()
        for table in materials.datasets:
            yield from self._dataset(table)
        yield from self._packages()
        if materials.made:
            yield from self._build(materials.made)

    # --- parts

    def _model(self) -> Element:
        materials = self._materials
        system, made = materials.system.system, materials.made
        users = "; ".join(materials.users)
        facts: dict[str, Any] = {
            **_package(materials.digests.get(MODEL)),
            "description": system.purpose,
            "suppliedBy": self._id("owner"),
            "releaseTime": self._at,
            "software_primaryPurpose": "model",
            "ai_domain": ["payments"],
            "ai_informationAboutApplication": f"{system.purpose} Users: {users}.",
            "ai_modelExplainability": [f"reads {text}" for text in materials.inputs],
            "ai_useSensitivePersonalInformation": "yes" if materials.sensitive else "no",
            "ai_metric": [_entry(f.type, _told(f)) for f in materials.figures],
            "externalRef": list(self._references()),
        }
        if materials.family:
            facts["ai_typeOfModel"] = [materials.family]
        if materials.limits or materials.ethics:
            facts["ai_limitation"] = "\n".join((*materials.limits, *materials.ethics))
        if made:
            seen = made.provenance
            facts["builtTime"] = _time(seen.finished)
            facts["ai_informationAboutTraining"] = f"recorded: {' '.join(seen.command)}"
            if seen.seed is not None:
                facts["ai_hyperparameter"] = [_entry("seed", str(seen.seed))]
        return self._element("ai_AIPackage", MODEL, name=materials.name, **facts)

    def _references(self) -> Iterator[Element]:
        for evidence in self._materials.newest:
            digest = evidence.to_statement().digest
            yield {
                "type": "ExternalRef",
                "externalRefType": "qualityAssessmentReport",
                "locator": [f"urn:strongroom:evidence:{digest}"],
                "comment": f"{evidence.check}: {evidence.outcome.value}",
            }
        if self._materials.made:
            yield {
                "type": "ExternalRef",
                "externalRefType": "buildMeta",
                "locator": [f"urn:strongroom:provenance:{self._materials.made.statement}"],
                "comment": "SLSA build provenance",
            }
        if self._materials.ancestor:
            yield {
                "type": "ExternalRef",
                "externalRefType": "releaseHistory",
                "locator": [f"urn:strongroom:version:{self._materials.ancestor.version}"],
                "comment": f"the version before; its model is {self._materials.ancestor.model}",
            }

    def _dataset(self, table: Table) -> Iterator[Element]:
        parties = ", ".join(f"{role.removesuffix('s')}: {name}" for role, name in table.parties)
        yield self._element(
            "dataset_DatasetPackage",
            table.name,
            name=table.name,
            **_package(table.digest),
            description=table.description,
            comment=f"governance: {parties}",
            originatedBy=[self._id("owner")],
            releaseTime=self._at,
            software_primaryPurpose="data",
            dataset_datasetType=["structured"],
            dataset_confidentialityLevel=_CONFIDENTIALITY[table.dataset.classification.value],
            dataset_dataCollectionProcess=table.dataset.source,
            dataset_hasSensitivePersonalInformation="yes" if self._materials.sensitive else "no",
            dataset_intendedUse=table.use,
        )
        kind = "trainedOn" if table.use == "training" else "testedOn"
        yield self._relation(MODEL, kind, [table.name])
        if table.dataset.licence != NOT_STATED:
            name = f"{table.name}.licence"
            text = table.dataset.licence
            yield self._element(
                "simplelicensing_SimpleLicensingText",
                name,
                simplelicensing_licenseText=text,
            )
            yield self._relation(table.name, "hasDeclaredLicense", [name])

    def _packages(self) -> Iterator[Element]:
        pins = self._materials.pins
        for pin in pins:
            yield self._element("software_Package", _local(pin), **_pinned(pin))
        if pins:
            yield self._relation(MODEL, "dependsOn", [_local(pin) for pin in pins])
        known = {pin.name: _local(pin) for pin in pins}
        needs: dict[str, set[str]] = {}
        for name, parents in self._materials.wanted_by.items():
            for parent in parents:
                if name in known and parent in known:
                    needs.setdefault(known[parent], set()).add(known[name])
        for parent in sorted(needs):
            yield self._relation(parent, "dependsOn", sorted(needs[parent]))

    def _build(self, made: Seen) -> Iterator[Element]:
        seen = made.provenance
        facts: dict[str, Any] = {
            "build_buildType": BUILD_TYPE,
            "build_buildId": str(made.statement),
            "build_buildStartTime": _time(seen.started),
            "build_buildEndTime": _time(seen.finished),
            "build_environment": [_entry(k, v) for k, v in sorted(seen.environment.items())],
            "build_parameter": [
                _entry("command", " ".join(seen.command)),
                *(_entry(f"complete.{k}", str(v)) for k, v in sorted(seen.completeness.items())),
            ],
        }
        commit = seen.commit
        if commit and len(commit.id) in _GIT:
            facts["build_configSourceDigest"] = [_hash(_GIT[len(commit.id)], commit.id)]
            if commit.origin:
                facts["build_configSourceUri"] = [commit.origin]
        yield self._element("build_Build", "build", **facts)
        yield self._relation("build", "hasOutput", [MODEL])
        tables = {table.name for table in self._materials.datasets}
        if inputs := [item.name for item in seen.inputs if item.name in tables]:
            yield self._relation("build", "hasInput", inputs)

    # --- notation

    def _element(self, kind: str, local: str, **facts: Any) -> Element:
        said = {name: value for name, value in facts.items() if value not in (None, [], "")}
        return {"type": kind, "spdxId": self._id(local), "creationInfo": _CREATION, **said}

    def _relation(self, source: str, kind: str, targets: Iterable[str]) -> Element:
        return self._element(
            "Relationship",
            f"{source}.{kind}",
            **{"from": self._id(source), "to": [self._id(target) for target in targets]},
            relationshipType=kind,
        )

    def _id(self, local: str) -> str:
        return f"{self._space}:{local}"


def _package(digest: Digest | None) -> Mapping[str, Any]:
    """What every package says of its bytes."""
    if digest is None:
        return {"software_downloadLocation": "urn:strongroom:unknown"}
    return {
        "software_packageVersion": digest.short,
        "software_downloadLocation": f"urn:strongroom:artifact:{digest}",
        "verifiedUsing": [_hash(digest.algorithm, digest.hex)],
    }


def _pinned(pin: Pin) -> Mapping[str, Any]:
    return {
        "name": pin.name,
        "software_primaryPurpose": "library",
        "software_packageVersion": pin.version,
        "software_packageUrl": pin.purl if pin.version else None,
        "comment": f"only where {pin.marker}" if pin.marker else None,
        "verifiedUsing": [_hash(algorithm, value) for algorithm, value in pin.hashes],
    }


def _local(pin: Pin) -> str:
    return f"line-{pin.line}"


def _hash(algorithm: str, value: str) -> Element:
    return {"type": "Hash", "algorithm": algorithm, "hashValue": value}


def _entry(key: str, value: str) -> Element:
    return {"type": "DictionaryEntry", "key": key, "value": value}


def _told(figure: Figure) -> str:
    metric = figure.metric
    return f"{metric.value:.6g} [{metric.low:.6g}, {metric.high:.6g}] ({figure.part})"


def _time(at: datetime) -> str:
    """SPDX knows whole seconds in UTC."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
