"""The facts of a version: of a folder as it is now, or of a sealed version."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strongroom.assess.pins import read_requirements
from strongroom.domain.decision import DECISION_TYPE, Decision, Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Evidence, Metric
from strongroom.domain.statement import Subject
from strongroom.governance.artifacts import artifact_path, subjects_of
from strongroom.governance.loader import MANIFEST, load_manifest, read_manifest
from strongroom.governance.manifest import System
from strongroom.home.home import Home
from strongroom.registry.deciding import records_about
from strongroom.registry.reading import versions
from strongroom.registry.registry import Registry
from strongroom.report.changes import Facts


def facts_of(home: Home | None, name: str) -> Facts:
    """Of what the name means: a folder or manifest, `SYSTEM@STAGE`, or a version's digest.

    The start of a digest is enough, from six digits on. Raises InputError when it means nothing,
    or more than one version.
    """
    path = Path(name)
    if path.exists():
        return _of_folder(home, name, path)
    if home is None:
        raise InputError("no such folder, and no home to look for versions", where=name)
    return _of_version(home, name)


def _of_folder(home: Home | None, name: str, path: Path) -> Facts:
    loaded = load_manifest(path / MANIFEST if path.is_dir() else path)
    lock = (
        artifact_path(loaded, "dependencies").read_bytes() if loaded.system.dependencies else None
    )
    return _facts(home, name, loaded.system, subjects_of(loaded), lock)


def _of_version(home: Home, name: str) -> Facts:
    system, version = _meant(home, name)
    opened = Registry(home).open(system, version)
    manifest = read_manifest(opened.files[MANIFEST], Path()).system
    lock = opened.files.get(manifest.dependencies) if manifest.dependencies else None
    return _facts(home, name, manifest, opened.seal.about, lock)


def _meant(home: Home, name: str) -> tuple[str, Stage | Digest]:
    system, at, stage = name.partition("@")
    if at:
        if stage not in set(Stage):
            raise InputError(f"no such stage: {stage}", where=name, fix=", ".join(Stage))
        return system, Stage(stage)
    digits = name.removeprefix("sha256:")
    found = [
        v for v in versions(home, None) if len(digits) >= 6 and v.digest.hex.startswith(digits)
    ]
    if len(found) != 1:
        raise InputError(
            "neither a folder nor one sealed version",
            where=name,
            fix="name a folder, SYSTEM@STAGE, or a version as `strongroom versions` shows it",
        )
    return found[0].seal.system, found[0].digest


def _facts(
    home: Home | None, name: str, system: System, about: Iterable[Subject], lock: bytes | None
) -> Facts:
    subjects = frozenset(about)
    pins = read_requirements(lock, where="dependencies").pins if lock else ()
    decided = _decided(home, system.system.name, subjects) if home else None
    return Facts(
        name,
        system,
        {s.name: s.digest for s in subjects},
        {pin.name: pin.version or "not pinned" for pin in pins},
        _metrics(home, system.system.name, subjects) if home else {},
        {r.requirement: r.outcome.value for r in decided.reasons} if decided else {},
        decided.policy if decided else None,
        _approvals(home, system.system.name, subjects) if home else frozenset(),
    )


def _metrics(home: Home, system: str, about: frozenset[Subject]) -> dict[str, Metric]:
    """Of the newest believed evidence of each check about nothing but these digests."""
    newest: dict[str, Evidence] = {}
    believed = (signed.record for signed in records_about(home, system).evidence)
    for said in sorted(believed, key=lambda e: e.recorded_at):
        if about.issuperset(said.subjects):
            newest[said.check.name] = said
    return {f"{check}/{m.name}": m for check, said in newest.items() for m in said.metrics}


def _decided(home: Home, system: str, about: frozenset[Subject]) -> Decision | None:
    found = home.records(DECISION_TYPE, system=system)
    return next(
        (Decision.from_statement(r.statement) for r in found if set(r.statement.subjects) == about),
        None,
    )


def _approvals(home: Home, system: str, about: frozenset[Subject]) -> frozenset[str]:
    believed = (signed.record for signed in records_about(home, system).approvals)
    mine = (approval for approval in believed if set(approval.subjects) == about)
    return frozenset(f"{approval.approver} for {approval.stage}" for approval in mine)
