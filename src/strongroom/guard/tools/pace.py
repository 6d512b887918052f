"""What was called and approved lately: for velocity, and so that no approval is used twice."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from strongroom.guard.tools.rules import Velocity
from strongroom.guard.tools.turns import Call, Objection
from strongroom.guard.tools.values import amount_of

MAX_KEPT: Final = 10_000
"""Calls of one tool; whoever makes more of them within the window is over any limit below that."""


@dataclass(frozen=True, slots=True)
class Made:
    """One call that was let pass."""

    at: float
    """Seconds since the epoch."""
    amounts: tuple[tuple[str, Decimal], ...]
    """Of the arguments that are amounts and limited."""


class PaceLost(Exception):
    """The shared memory of calls cannot be reached."""


class Pace(Protocol):
    """Remembers calls that passed. One for each tenant, or each guarded server."""

    def since(self, tool: str, after: float) -> Sequence[Made]:
        """The calls of a tool after a moment. Raises PaceLost."""
        ...

    def take(self, call: Call, limits: Sequence[Velocity], now: float) -> tuple[Objection, ...]:
        """Remember a call, unless a limit speaks against it: both in one step. Raises PaceLost."""
        ...

    def spend(self, nonce: str, until: float, now: float) -> bool:
        """Use an approval; False if it was used before. Raises PaceLost."""
        ...


class LocalPace:
    """Calls and approvals of this process."""

    def __init__(self) -> None:
        self._made: defaultdict[str, deque[Made]] = defaultdict(lambda: deque(maxlen=MAX_KEPT))
        self._spent: dict[str, float] = {}

    def since(self, tool: str, after: float) -> Sequence[Made]:
        """The calls of a tool after a moment."""
        return [one for one in self._made.get(tool, ()) if one.at > after]

    def take(self, call: Call, limits: Sequence[Velocity], now: float) -> tuple[Objection, ...]:
        """Remember a call, unless a limit speaks against it."""
        if not limits:
            return ()
        found = tuple(too_fast(call, limits, self._made[call.tool], now))
        if not found:
            self._made[call.tool].append(made(call, limits, now))
        return found

    def spend(self, nonce: str, until: float, now: float) -> bool:
        """Use an approval; False if it was used before."""
        self._spent = {known: end for known, end in self._spent.items() if end > now}
        if nonce in self._spent:
            return False
        self._spent[nonce] = until
        return True


def made(call: Call, limits: Sequence[Velocity], now: float) -> Made:
    """What is remembered of a call."""
    names = dict.fromkeys(limit.argument for limit in limits if limit.argument)
    amounts = ((name, amount_of(call.arguments.get(name))) for name in names)
    return Made(now, tuple((name, amount) for name, amount in amounts if amount is not None))


def too_fast(
    call: Call, limits: Sequence[Velocity], before: Sequence[Made], now: float
) -> Iterator[Objection]:
    """The limits that a call would break."""
    for limit in limits:
        lately = [one for one in before if one.at > now - limit.seconds]
        if limit.calls is not None and len(lately) >= limit.calls:
            what = f"more than {limit.calls} calls within {limit.seconds:g} s"
            yield Objection("tool.velocity", call.tool, what)
        if limit.sum is None:
            continue
        name = limit.argument or ""
        amount = amount_of(call.arguments.get(name))
        known = (dict(one.amounts).get(name) for one in lately)
        total = sum((one for one in known if one is not None), Decimal(0))
        if amount is None or total + amount > limit.sum:
            what = f"more than {limit.sum:g} within {limit.seconds:g} s"
            yield Objection("tool.velocity", call.tool, what, name)
