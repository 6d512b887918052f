"""The artifacts that checks look at: digested once, and watched for change while they look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from strongroom.assess.check import CheckSpec
from strongroom.assess.models import family_module
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome
from strongroom.domain.statement import Subject
from strongroom.governance.artifacts import (
    artifact_files,
    artifact_path,
    declared_paths,
    digest_artifact,
)
from strongroom.governance.loader import Loaded

_Marks = tuple[tuple[str, int, int, int, int], ...]


class Exhibits:
    """All artifacts of one manifest."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._digests: dict[str, Digest] = {}
        self._marks: dict[str, _Marks] = {}
        self._problems: dict[str, InputError] = {}
        for name in declared_paths(loaded.system):
            try:
                path = artifact_path(loaded, name)
                # Marks first: what changes between the two is seen as changed.
                self._marks[name] = _marks(path)
                self._digests[name] = digest_artifact(path)
            except InputError as error:
                self._problems[name] = error

    def subjects(self, spec: CheckSpec) -> tuple[Subject, ...]:
        """The manifest and what the check looks at, sorted by name."""
        named = {n: self._digests[n] for n in spec.needs + spec.wants if n in self._digests}
        named["manifest"] = self._loaded.digest
        return tuple(Subject(name, named[name]) for name in sorted(named))

    def missing(self, spec: CheckSpec) -> tuple[Finding, ...]:
        """A finding for each artifact that the check needs and that cannot be looked at."""
        declared = declared_paths(self._loaded.system)
        findings = []
        for name in dict.fromkeys(spec.needs + spec.wants):
            error = self._problems.get(name)
            if error is None and name not in declared and name in spec.needs:
                error = InputError(
                    f"the manifest declares no {name}", fix=f"add {name} to the manifest"
                )
            if error is not None:
                findings.append(
                    Finding(
                        f"{spec.id.name}.input",
                        Outcome.UNKNOWN,
                        f"{name}: {error.what}",
                        where=error.where,
                        fix=error.fix,
                    )
                )
        return tuple(findings)

    def changed(self, spec: CheckSpec) -> tuple[str, ...]:
        """Names of artifacts that are no longer the files that were digested."""
        return tuple(
            name
            for name in dict.fromkeys(spec.needs + spec.wants)
            if name in self._marks and self._marks[name] != self._now(name)
        )

    def modules(self, specs: Iterable[CheckSpec]) -> tuple[str, ...]:
        """What children should have imported before they start, to open this model."""
        if "model" not in self._digests or not any("model" in spec.needs for spec in specs):
            return ()
        try:
            return (family_module(artifact_path(self._loaded, "model")),)
        except InputError:
            return ()

    def _now(self, name: str) -> _Marks:
        try:
            return _marks(artifact_path(self._loaded, name))
        except InputError:
            return ()


def _marks(path: Path) -> _Marks:
    """What the file system says of each file; its change time cannot be set back by a program."""
    try:
        seen = [(str(file), file.stat()) for file in artifact_files(path)]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return tuple((name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in seen)
