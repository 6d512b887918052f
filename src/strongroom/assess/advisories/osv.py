"""One advisory in the Open Source Vulnerability format: what we keep of it, and what it affects.

Source: ossf.github.io/osv-schema, version 1.7 (fields, evaluation of versions and ranges).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from strongroom.assess.advisories.cvss import severity_of
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

ECOSYSTEM: Final = "PyPI"
SUMMARY: Final = 300
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{2,100}\Z")
_EVENTS: Final = ("introduced", "fixed", "last_affected", "limit")
_WORDS: Final = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}
Document = dict[str, Any]


def normal(name: str) -> str:
    """A package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def reduce(raw: object, *, where: str) -> Document | None:
    """The parts of an advisory that we use, checked; None if it is about no package of PyPI.

    Raises InputError for whatever has not the shape of an advisory: one that is dropped in silence
    is one that nobody is warned of.
    """
    try:
        return _reduce(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        text = f"not an OSV advisory: {type(error).__name__}: {str(error)[:100]}"
        raise InputError(text, where=where, fix="export it again") from error


def _reduce(raw: Any) -> Document | None:
    if not isinstance(raw["id"], str) or not _ID.match(raw["id"]):
        raise ValueError("an id that is none")
    listed = raw.get("affected", [])
    if not isinstance(listed, list):
        raise TypeError("affected is no list")
    datetime.fromisoformat(_text(raw["modified"]))
    affected = [_affected(one) for one in listed if _of_pypi(one)]
    if not affected:
        return None
    kept: Document = {
        "schema_version": _text(raw.get("schema_version", "1.0.0")),
        "id": raw["id"],
        "modified": _text(raw["modified"]),
        "aliases": [_text(a) for a in raw.get("aliases") or []],
        "summary": _text(raw.get("summary") or raw.get("details") or "").split("\n")[0][:SUMMARY],
        "affected": affected,
        "severity": [
            {"type": _text(s["type"]), "score": _text(s["score"])}
            for s in raw.get("severity") or []
        ],
    }
    for name in ("published", "withdrawn"):
        if raw.get(name):
            kept[name] = _text(raw[name])
    said = (raw.get("database_specific") or {}).get("severity")
    if isinstance(said, str):
        kept["database_specific"] = {"severity": said[:20]}
    return kept


def _of_pypi(one: Any) -> bool:
    return bool(_text(one["package"]["ecosystem"]).partition(":")[0] == ECOSYSTEM)


def _affected(one: Any) -> Document:
    return {
        "package": {"ecosystem": ECOSYSTEM, "name": normal(_text(one["package"]["name"]))},
        "versions": [_text(v) for v in one.get("versions") or []],
        "ranges": [
            {"type": "ECOSYSTEM", "events": [_event(e) for e in r["events"]]}
            for r in one.get("ranges") or []
            if r["type"] in {"ECOSYSTEM", "SEMVER"}
        ],
    }


def _event(raw: Any) -> Document:
    kept = {name: _text(raw[name]) for name in _EVENTS if name in raw}
    if not kept:
        raise ValueError("an event that says nothing")
    return kept


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


@dataclass(frozen=True)
class Advisory:
    """An advisory as `reduce` left it."""

    document: Document

    @property
    def id(self) -> str:
        """`PYSEC-2024-1`, `GHSA-…`, `MAL-…`."""
        return str(self.document["id"])

    @property
    def names(self) -> frozenset[str]:
        """Its id and its aliases."""
        return frozenset((self.id, *self.document["aliases"]))

    @cached_property
    def packages(self) -> frozenset[str]:
        """Normalised names of what it is about."""
        return frozenset(one["package"]["name"] for one in self.document["affected"])

    @property
    def severity(self) -> Severity | None:
        """The worst that is said of it; None where nothing is said."""
        if self.id.startswith("MAL-"):
            return Severity.CRITICAL
        said = [_WORDS.get(self.document.get("database_specific", {}).get("severity", "").upper())]
        said += [severity_of(one["score"]) for one in self.document["severity"]]
        known = [one for one in said if one is not None]
        return max(known, key=list(Severity).index, default=None) if known else None

    def affects(self, package: str, version: Version) -> bool:
        """Whether that version is affected; a range that cannot be read affects everything."""
        if "withdrawn" in self.document:
            return False
        return any(
            _listed(one, version) or any(_within(r["events"], version) for r in one["ranges"])
            for one in self.document["affected"]
            if one["package"]["name"] == package
        )


def _listed(one: Mapping[str, Any], version: Version) -> bool:
    if not one["versions"] and not one["ranges"]:
        return True  # names a package and no version: all of it
    return str(version) in one["versions"] or any(
        parsed == version for parsed in _versions(one["versions"])
    )


def _versions(texts: list[str]) -> Iterator[Version]:
    for text in texts:
        try:
            yield Version(text)
        except InvalidVersion:  # of before PEP 440: no pin can name it
            continue


def _within(events: list[Mapping[str, str]], version: Version) -> bool:
    """OSV's evaluation of a range: events in order of version, the last before `version` counts."""
    try:
        points = sorted(
            (_point(value), order, name)
            for event in events
            for order, name in enumerate(_EVENTS)
            if (value := event.get(name)) is not None
        )
    except InvalidVersion:
        return True
    affected = False
    for point, _, name in points:
        if name == "introduced" and version >= point:
            affected = True
        elif (name in {"fixed", "limit"} and version >= point) or (
            name == "last_affected" and version > point
        ):
            affected = False
    return affected


def _point(text: str) -> Version:
    return Version("0.dev0") if text == "0" else Version("9" * 18) if text == "*" else Version(text)
