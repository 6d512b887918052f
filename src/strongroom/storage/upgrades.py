"""One step from each schema version to the next; what was hashed is never rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection

Step = Callable[[Connection], None]

STEPS: Final[Mapping[int, Step]] = {}
"""`STEPS[n]` takes a database of version n to n + 1."""
