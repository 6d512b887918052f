"""Licences of packages, held against a list: of those that a scan came upon installed.

Lock files name no licences. For their packages the licence is taken from the same version where it
is installed beside Strongroom, and is said to be unknown where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from strongroom.assess.locks import KINDS, Locked, read_locked
from strongroom.assess.pins import MAX_BYTES
from strongroom.assess.scanner.formats.requirements import SHOWN
from strongroom.assess.scanner.place import odd, unjudged
from strongroom.assess.scanner.report import FileReport, Hazard, Rating
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

MAX_POLICY = 64 * 1024


@dataclass(frozen=True, slots=True)
class LicencePolicy:
    """Patterns with `*`, in lower case."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]

    def judge(self, licence: str) -> Rating:
        """Every part of an AND must be allowed, one part of an OR is enough; a denial wins."""
        text = licence.lower().strip()
        if _any(text, self.allow):
            return Rating.CLEAN
        options = [re.split(r"\s+and\s+", o) for o in re.split(r"\s+or\s+", text.strip("()"))]
        ratings = [max((self._part(p) for p in parts), key=lambda r: r.rank) for parts in options]
        return min(ratings, key=lambda r: r.rank)

    def _part(self, part: str) -> Rating:
        name = part.strip(" ()")
        if _any(name, self.deny):
            return Rating.BLOCK
        return Rating.CLEAN if _any(name, self.allow) else Rating.REVIEW


def _any(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def read_policy(path: Path) -> LicencePolicy:
    """A list from a file; `default` is ours. Raises InputError."""
    where = str(path)
    try:
        raw = yaml.safe_load(_policy_bytes(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"not YAML: {str(error)[:200]}", where=where) from error
    if not isinstance(raw, dict) or not set(raw) <= {"allow", "deny"}:
        raise InputError("not a list of licences", where=where, fix="allow: [MIT]\ndeny: [GPL*]")
    return LicencePolicy(_texts(raw.get("allow"), where), _texts(raw.get("deny"), where))


def _policy_bytes(path: Path) -> bytes:
    if str(path) == "default" and not path.exists():
        return files("strongroom.assess.scanner").joinpath("licences.yaml").read_bytes()
    with path.open("rb") as file:
        return file.read(MAX_POLICY)


def _texts(raw: Any, where: str) -> tuple[str, ...]:
    if not isinstance(raw, list | None) or not all(isinstance(one, str) for one in raw or []):
        raise InputError("allow and deny are lists of texts", where=where)
    return tuple(one.lower() for one in raw or [])


def licensed(reports: Sequence[FileReport], policy: LicencePolicy) -> list[FileReport]:
    """The reports, with a verdict on licences for each list of packages among them."""
    return [
        FileReport.of(report.path, report.format, [*report.findings, *_judge(report, policy)])
        if report.format in KINDS
        else report
        for report in reports
    ]


def _judge(report: FileReport, policy: LicencePolicy) -> Iterator[Hazard]:
    try:
        with report.path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
        locked = read_locked(text, report.format, where=report.path.name)
    except (OSError, InputError):
        return  # its own findings say that it could not be read
    unknown = []
    for name, version, licence in _licences(locked):
        if licence is None:
            unknown.append(name)
        elif (rating := policy.judge(licence)) is not Rating.CLEAN:
            word = "is denied" if rating is Rating.BLOCK else "is on neither list"
            yield odd(
                "dependencies.licence",
                f"{name} {version} is under {licence[:80]}, which {word}",
                attack="licence",
                rating=rating,
                severity=Severity.MEDIUM,
                call=f"pkg:pypi/{name}@{version}",
            )
    if unknown:
        names = ", ".join(unknown[:SHOWN])
        text = f"licence unknown: {names}"
        yield unjudged("dependencies.licence_unknown", text, fix="scan where they are installed")


def _licences(locked: Locked) -> Iterator[tuple[str, str, str | None]]:
    for pin in locked.requirements.pins:
        if locked.installed:
            yield pin.name, pin.version or "", locked.licence
        else:
            yield pin.name[:80], pin.version or "", _installed(pin.name, pin.version)


@cache
def _installed(name: str, version: str | None) -> str | None:
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        return None
    if version is None or found.version != version:
        return None
    text = found.read_text("METADATA") or ""
    return read_locked(text, "dist-info", where=name).licence if text else None
