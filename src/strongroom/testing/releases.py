"""A system whose model and data are any bytes, and decisions about it, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from strongroom.domain.decision import Decision, Reason, Stage
from strongroom.domain.digests import sha256
from strongroom.domain.outcome import Outcome
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.home.home import Home
from strongroom.home.record import Record

MANIFEST: Mapping[str, object] = {
    "version": 1,
    "system": {
        "name": "fraud",
        "owner": "payments risk",
        "purpose": "flags card payments",
        "kind": "ml_model",
        "criticality": "high",
        "jurisdictions": ["MY"],
        "entity_type": "bank",
    },
    "model": {"path": "model", "trained_by": "dana"},
    "data": {
        "train": {"path": "train.csv", "classification": "restricted"},
        "test": {"path": "test.csv", "classification": "restricted"},
        "schema": {"target": "fraud", "features": [{"name": "amount"}]},
    },
    "dependencies": "requirements.txt",
}


def make_release(folder: Path, model: bytes = b"a model", *, name: str = "fraud") -> Loaded:
    """Write a system into `folder`: a model of two files, two data sets, dependencies."""
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model" / "model.bin").write_bytes(model)
    (folder / "model" / "card.md").write_bytes(b"# model card\n")
    for data in ("train.csv", "test.csv"):
        (folder / data).write_bytes(b"amount,fraud\n1,0\n2,1\n")
    (folder / "requirements.txt").write_bytes(b"numpy==2.4.6\n")
    system = {**MANIFEST["system"], "name": name}  # type: ignore[dict-item]
    (folder / "strongroom.yaml").write_text(yaml.safe_dump({**MANIFEST, "system": system}), "utf-8")
    return load_manifest(folder / "strongroom.yaml")


def decision_about(home: Home, loaded: Loaded, stage: Stage, *, allow: bool = True) -> Decision:
    """A decision about exactly what lies in the folder, as of the home's clock."""
    outcome = Outcome.PASS if allow else Outcome.FAIL
    return Decision(
        loaded.system.system.name,
        stage,
        subjects_of(loaded),
        (Reason("SR-TEST-01", outcome, "because the test says so"),),
        sha256(b"policy"),
        home.clock(),
    )


def decide(home: Home, loaded: Loaded, stage: Stage, *, allow: bool = True) -> Record:
    """Record such a decision, signed by the gate."""
    decision = decision_about(home, loaded, stage, allow=allow)
    return home.record(decision.to_statement(), "gate")
