"""Provenance: how an artifact was made, as somebody saw it being made.

On the wire a SLSA v1 build provenance in an in-toto statement whose subjects are the outputs.
A run that failed made nothing that counts: it is told under a predicate type of its own.
Source: slsa.dev, Build Provenance v1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.predicates import FAILED_RUN_TYPE, SLSA_TYPE
from strongroom.domain.statement import Statement, Subject

BUILD_TYPE: Final = "urn:strongroom:build:command:v1"
BUILDER: Final = "urn:strongroom:recorder:v1"
DECLARED: Final = "declared"
OBSERVED: Final = "observed"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Item:
    """A file that went in or came out."""

    name: str
    """`model`, `data.train` as the manifest names it, else a path below its folder, or outside."""
    digest: Digest
    known: tuple[str, ...]
    """How it is known: `declared`, `observed`, or both."""
    changed: bool = False
    """An input that was written to during the run: its digest is that before."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was installed where the command ran."""

    name: str
    version: str
    record: Digest | None
    """Of the installer's list of files and hashes (`RECORD`)."""

    @property
    def purl(self) -> str:
        """As a package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of the code."""

    id: str
    """Git's name of it, hexadecimal."""
    origin: str | None
    """Where it is fetched from, without user or password."""
    modified: tuple[str, ...] = ()
    """Tracked files that differ from the commit."""
    untracked: tuple[str, ...] = ()
    """Source files that no commit has."""

    @property
    def dirty(self) -> bool:
        """Whether the code that ran is other than the commit."""
        return bool(self.modified or self.untracked)


@dataclass(frozen=True, slots=True)
class Provenance:
    """One run of one command."""

    system: str
    command: tuple[str, ...]
    """As it was run, secrets struck out."""
    manifest: Digest
    """Of the manifest that was in force."""
    inputs: tuple[Item, ...]
    outputs: tuple[Item, ...]
    commit: Commit | None
    packages: tuple[Package, ...]
    environment: Mapping[str, str]
    """Python, platform, processor, and the few variables that are let through."""
    seed: int | None
    """As the manifest declares it."""
    started: datetime
    finished: datetime
    exit_code: int
    """0: it ran to its end. Above 128: ended by that signal."""
    logs: Mapping[str, Digest]
    """Of what it wrote on `stdout` and `stderr`."""
    completeness: Mapping[str, bool]
    """What could be seen, each a yes or no; see docs/provenance.md."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Of the tool it ran under: MLflow's run, DVC's stage."""
    recorder: str = ""
    """Version of the program that watched."""

    @property
    def succeeded(self) -> bool:
        """Whether its outputs count."""
        return self.exit_code == 0 and bool(self.outputs)

    def output(self, name: str) -> Item | None:
        """The output of that name."""
        return next((item for item in self.outputs if item.name == name), None)

    def input(self, name: str) -> Item | None:
        """The input of that name."""
        return next((item for item in self.inputs if item.name == name), None)

    def to_statement(self) -> Statement:
        """As an in-toto statement about the outputs; about the manifest where there are none."""
        predicate = {"buildDefinition": self._definition(), "runDetails": self._details()}
        if not self.succeeded:
            about = (Subject("manifest", self.manifest),)
            return Statement(FAILED_RUN_TYPE, about, plain(predicate))
        subjects = tuple(Subject(item.name, item.digest) for item in self.outputs)
        return Statement(SLSA_TYPE, subjects, plain(predicate))

    @classmethod
    def from_statement(cls, statement: Statement) -> Provenance:
        """Read back one that we wrote. Raises InputError."""
        if statement.predicate_type not in {SLSA_TYPE, FAILED_RUN_TYPE}:
            raise InputError(f"not provenance: {statement.predicate_type}")
        try:
            made = _read(statement.predicate)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"malformed provenance: {error!r}") from error
        if made.to_statement() != statement:
            raise InputError("the provenance says other things than its outputs do")
        return made

    def _definition(self) -> dict[str, Any]:
        return {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "system": self.system,
                "command": self.command,
                "manifest": self.manifest,
                "seed": self.seed,
                "inputs": [i.name for i in self.inputs if DECLARED in i.known],
                "outputs": [o.name for o in self.outputs if DECLARED in o.known],
            },
            "internalParameters": {
                "environment": self.environment,
                "context": self.context,
                "completeness": self.completeness,
            },
            "resolvedDependencies": [
                *([_commit_entry(self.commit)] if self.commit else ()),
                *map(_input_entry, self.inputs),
                *map(_package_entry, self.packages),
            ],
        }

    def _details(self) -> dict[str, Any]:
        return {
            "builder": {"id": BUILDER, "version": {"strongroom": self.recorder}},
            "metadata": {"startedOn": self.started, "finishedOn": self.finished},
            "byproducts": [
                *({"name": n, "digest": _digests(self.logs[n])} for n in sorted(self.logs)),
                {"name": "exit_code", "annotations": {"value": self.exit_code}},
                *(
                    {"name": o.name, "digest": _digests(o.digest), "annotations": _how(o)}
                    for o in self.outputs
                ),
            ],
        }


def _digests(digest: Digest) -> dict[str, str]:
    return {digest.algorithm: digest.hex}


def _how(item: Item) -> dict[str, Any]:
    return {"kind": "file", "known": item.known, "changed": item.changed}


def _input_entry(item: Item) -> dict[str, Any]:
    return {"name": item.name, "digest": _digests(item.digest), "annotations": _how(item)}


def _package_entry(package: Package) -> dict[str, Any]:
    notes = {"kind": "package", "record": package.record}
    return {"name": package.name, "uri": package.purl, "annotations": notes}


def _commit_entry(commit: Commit) -> dict[str, Any]:
    notes = {"kind": "code", "modified": commit.modified, "untracked": commit.untracked}
    entry = {"name": "code", "digest": {"gitCommit": commit.id}, "annotations": notes}
    return entry if commit.origin is None else {**entry, "uri": commit.origin}


def _read(predicate: Mapping[str, Any]) -> Provenance:
    definition, details = predicate["buildDefinition"], predicate["runDetails"]
    given, inner = definition["externalParameters"], definition["internalParameters"]
    found = definition["resolvedDependencies"]
    products = details["byproducts"]
    commits = _of(found, "code", _commit)
    return Provenance(
        system=given["system"],
        command=tuple(given["command"]),
        manifest=Digest.parse(given["manifest"]),
        inputs=_of(found, "file", _item),
        outputs=_of(products, "file", _item),
        commit=commits[0] if commits else None,
        packages=_of(found, "package", _package),
        environment=dict(inner["environment"]),
        seed=given["seed"],
        started=parse_time(details["metadata"]["startedOn"]),
        finished=parse_time(details["metadata"]["finishedOn"]),
        exit_code=next(p["annotations"]["value"] for p in products if p["name"] == "exit_code"),
        logs={p["name"]: _digest(p) for p in products if "annotations" not in p},
        completeness=dict(inner["completeness"]),
        context=dict(inner["context"]),
        recorder=details["builder"]["version"]["strongroom"],
    )


def _of(
    entries: list[Mapping[str, Any]], kind: str, make: Callable[[Mapping[str, Any]], _T]
) -> tuple[_T, ...]:
    return tuple(make(e) for e in entries if e.get("annotations", {}).get("kind") == kind)


def _digest(entry: Mapping[str, Any]) -> Digest:
    ((algorithm, value),) = entry["digest"].items()
    return Digest(algorithm, value)


def _item(entry: Mapping[str, Any]) -> Item:
    notes = entry["annotations"]
    return Item(entry["name"], _digest(entry), tuple(notes["known"]), notes["changed"])


def _package(entry: Mapping[str, Any]) -> Package:
    record = entry["annotations"]["record"]
    version = entry["uri"].rpartition("@")[2]
    return Package(entry["name"], version, None if record is None else Digest.parse(record))


def _commit(entry: Mapping[str, Any]) -> Commit:
    notes = entry["annotations"]
    return Commit(
        entry["digest"]["gitCommit"],
        entry.get("uri"),
        tuple(notes["modified"]),
        tuple(notes["untracked"]),
    )
