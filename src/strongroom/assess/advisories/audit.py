"""pip-audit over a mirror: which pinned packages have known weaknesses.

Its modules are named with an underscore; it has no other way in for programs. Needs the supply
extra: import this module only when an audit was asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version
from pip_audit._audit import Auditor
from pip_audit._service.interface import Dependency, ResolvedDependency, ServiceError
from pip_audit._service.osv import OsvService
from requests import RequestException

from strongroom.assess.advisories.mirror import Mirror
from strongroom.assess.advisories.osv import Advisory, normal
from strongroom.assess.advisories.server import serving
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity


@dataclass(frozen=True, slots=True)
class Known:
    """One advisory that holds for one package."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    fixed: tuple[str, ...]
    """Versions that no longer have it, lowest first; empty if there is none."""
    severity: Severity | None
    """None where nobody said."""
    summary: str

    @property
    def malicious(self) -> bool:
        """Whether the package itself is the attack."""
        return any(name.startswith("MAL-") for name in (self.id, *self.aliases))


@dataclass(frozen=True, slots=True)
class Audited:
    """What came of it."""

    known: tuple[Known, ...]
    checked: int
    unchecked: tuple[str, ...]
    """Packages that could not be asked for, with the reason."""


def audit(packages: Iterable[tuple[str, str]], mirror: Mirror) -> Audited:
    """Names and exact versions, asked of the mirror through pip-audit's OSV service.

    Raises InputError when pip-audit could not read an answer.
    """
    wanted, unchecked = [], []
    for name, version in sorted(set(packages)):
        try:
            wanted.append((normal(name), Version(version)))
        except InvalidVersion:
            unchecked.append(f"{name} {version[:40]} (not a version)")
    advisories = mirror.concerning(name for name, _ in wanted)
    known = tuple(_ask(wanted, advisories)) if wanted else ()
    return Audited(known, len(wanted), tuple(unchecked))


class _Pinned:
    """Packages in the shape in which pip-audit takes them."""

    def __init__(self, wanted: Sequence[tuple[str, Version]]) -> None:
        self._wanted = wanted

    def collect(self) -> Iterator[Dependency]:
        """Each once."""
        return (ResolvedDependency(name, version) for name, version in self._wanted)


def _ask(
    wanted: Sequence[tuple[str, Version]], advisories: tuple[Advisory, ...]
) -> Iterator[Known]:
    with tempfile.TemporaryDirectory() as cache, serving(advisories) as address:
        service = OsvService(Path(cache), timeout=30, osv_url=f"{address}/v1/query")
        service.session.trust_env = False  # no proxy between us and ourselves
        try:
            answers = list(Auditor(service).audit(_Pinned(wanted)))
        except (ServiceError, RequestException, InvalidVersion, KeyError) as error:
            raise InputError(f"pip-audit could not read an advisory: {error!r:.200}") from error
        finally:
            service.session.close()
    for dependency, results in answers:
        for result in results:
            yield _known(dependency, result, advisories)


def _known(dependency: Any, result: Any, advisories: tuple[Advisory, ...]) -> Known:
    names = {str(result.id), *map(str, result.aliases)}
    told = [a for a in advisories if a.names & names and dependency.canonical_name in a.packages]
    said = [a.severity for a in told if a.severity is not None]
    return Known(
        dependency.canonical_name,
        str(dependency.version),
        str(result.id),
        tuple(sorted(map(str, result.aliases))),
        tuple(str(v) for v in result.fix_versions if v > dependency.version),
        max(said, key=list(Severity).index) if said else None,
        str(result.description)[:300],
    )
