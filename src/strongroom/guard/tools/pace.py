"""What was called lately: for velocity, which no single conversation tells."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from strongroom.guard.tools.turns import Call
from strongroom.guard.tools.values import amount_of

MAX_KEPT: Final = 10_000
"""Calls of one tool; whoever makes more of them within the window is over any limit below that."""


@dataclass(frozen=True, slots=True)
class Made:
    """One call that was let pass."""

    at: float
    arguments: Mapping[str, Any]


class Pace:
    """Calls that were let pass, by tool. One for each tenant, or each guarded server."""

    def __init__(self) -> None:
        self._made: defaultdict[str, deque[Made]] = defaultdict(lambda: deque(maxlen=MAX_KEPT))

    def add(self, call: Call, at: float) -> None:
        """Remember a call that passed. `at`: seconds since the epoch."""
        self._made[call.tool].append(Made(at, dict(call.arguments)))

    def since(self, tool: str, after: float, argument: str | None) -> tuple[int, Decimal]:
        """How many calls there were after a moment, and the sum of one of their arguments."""
        made = [one for one in self._made[tool] if one.at > after]
        sums = (amount_of(one.arguments.get(argument)) for one in made) if argument else ()
        return len(made), sum((one for one in sums if one is not None), Decimal(0))
