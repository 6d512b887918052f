"""The state of the code, asked of Git. A repository's own configuration starts no program here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from strongroom.domain.provenance import Commit

SOURCE: Final = frozenset(
    {".py", ".ipynb", ".r", ".sh", ".sql", ".yaml", ".yml", ".toml", ".cfg", ".json"}
)
"""Suffixes of untracked files that count as code."""
TIME_LIMIT: Final = 30.0
"""Seconds for one question."""
MAX_NAMES: Final = 50
_HARMLESS: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def commit_of(folder: Path, *, apart_from: frozenset[str] = frozenset()) -> Commit | None:
    """The commit that is checked out there; None without Git, repository or commit.

    `apart_from` names files below the folder that are data, by path: those do not make it dirty.
    """
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    status = _git(folder, "status", "--porcelain=v1", "-z", "--no-renames", "--", ".")
    if head is None or status is None:
        return None
    prefix = (_git(folder, "rev-parse", "--show-prefix") or "").strip()
    modified, untracked = [], []
    for entry in filter(None, status.split("\0")):
        kind, path = entry[:2], entry[3:].removeprefix(prefix)
        if path in apart_from or path.startswith(".strongroom/"):
            continue
        if kind != "??":
            modified.append(path)
        elif Path(path).suffix.lower() in SOURCE or path.endswith("/"):
            untracked.append(path)
    origin = _git(folder, "config", "--get", "remote.origin.url")
    return Commit(
        head.strip(),
        without_credentials(origin.strip()) if origin else None,
        tuple(sorted(modified)[:MAX_NAMES]),
        tuple(sorted(untracked)[:MAX_NAMES]),
    )


def without_credentials(address: str) -> str:
    """A URL without user and password, and without what a query may carry."""
    try:
        parts = urlsplit(address)
        if not parts.scheme or not parts.netloc:
            return address
        place = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "unreadable"
    return urlunsplit((parts.scheme, place + port, parts.path, "", ""))


def _git(folder: Path, *question: str) -> str | None:
    command = ["git", *_HARMLESS, *question]
    try:
        answer = subprocess.run(  # noqa: S603  (fixed words; the repository is the user's own)
            command, cwd=folder, capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode("utf-8", "replace") if answer.returncode == 0 else None
