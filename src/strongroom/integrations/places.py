"""Places: the `sealed://` URIs, and paths of artifacts that may come from anybody.

sealed:///srv/bank/.strongroom/mlflow/1/…   artifacts below the root `mlflow/1/…` of a home
sealed://fraud/production                   what stands in a stage, in the home at hand
sealed://fraud/sha256:9f86…                 one version
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, StrongroomError

SCHEME: Final = "sealed"
MAX_PATH: Final = 1024
"""Characters of an artifact's path."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class RootPlace:
    """A root of artifacts in a home."""

    home: Path
    root: str
    """Below the home's folder: `mlflow/1/4be7…/artifacts`. A name, not a folder on disk."""


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """A sealed version of a system."""

    system: str
    which: Stage | Digest


def parse_root(uri: str) -> RootPlace:
    """Which home and root a URI with an absolute path names. Raises InputError.

    The home is the outermost folder on the path that holds a `home.json`: what somebody puts below
    a home is never taken for another one.
    """
    path = Path("/") / _path_of(uri, authority=False)
    for folder in reversed(path.parents):
        if (folder / "home.json").is_file():
            root = path.relative_to(folder).as_posix()
            return RootPlace(folder, checked_path(root))
    raise InputError(
        "no Strongroom home on this path",
        where=uri,
        fix="write sealed:///ABSOLUTE/HOME/NAME, with NAME of your choice",
    )


def parse_version(uri: str) -> VersionPlace:
    """Which version `sealed://SYSTEM/STAGE-or-DIGEST` names. Raises InputError."""
    which = _path_of(uri, authority=True)
    system = urlsplit(uri).netloc
    try:
        return VersionPlace(system, Stage(which) if which in set(Stage) else Digest.parse(which))
    except StrongroomError as error:
        stages = ", ".join(Stage)
        raise InputError(
            f"not a version: {which[:80]!r}", where=uri, fix=f"one of {stages}, or sha256:…"
        ) from error


def checked_path(path: str) -> str:
    """A relative path with `/` that stays where it is put. Raises InputError."""
    parts = path.split("/")
    if len(path) > MAX_PATH or _CONTROL.search(path) or {"", ".", ".."} & set(parts):
        raise InputError(
            f"not a path below an artifact root: {path[:80]!r}",
            fix="relative, with /, without .., at most 1,024 characters",
        )
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"a path that is not UTF-8: {path[:80]!r}", fix="rename it") from error
    return path


def within(path: str, prefix: str | None) -> bool:
    """Whether a path is `prefix` or below it; everything is below None and the empty path."""
    return not prefix or path == prefix or path.startswith(prefix + "/")


def _path_of(uri: str, *, authority: bool) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise InputError("not a URI", where=uri[:200]) from error
    if parts.scheme != SCHEME or bool(parts.netloc) is not authority or parts.query:
        form = "sealed://SYSTEM/STAGE" if authority else "sealed:///ABSOLUTE/HOME/NAME"
        raise InputError("not a sealed URI of this kind", where=uri[:200], fix=f"write {form}")
    return checked_path(unquote(parts.path).strip("/"))
