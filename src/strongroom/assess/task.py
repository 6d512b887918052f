"""What a check's own process is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.assess.history import History
from strongroom.governance.loader import Loaded


@dataclass(frozen=True, slots=True)
class Task:
    """Made by the runner from what it trusts, so it may be pickled on its way to the child."""

    loaded: Loaded
    check: str
    settings: Mapping[str, Any]
    seed: int
    threads: int
    memory: int
    """Bytes of address space that the child may have."""
    history: History
    """The part of it that the check asked for."""
    scratch: str
    """An empty folder that the runner deletes afterwards: working directory and temporary files."""
