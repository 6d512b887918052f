"""An earlier version of a system, as a check sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A sealed version."""

    version: str
    model: str
    """Digest of its model, `sha256:…`."""
    stages: tuple[str, ...]
    """Where it has stood, sorted."""
    problem: str | None
    """Why it would not open today, else None."""
