"""What a tenant may use in a window of time: counters, in memory or shared.

A window begins at a multiple of its length (a minute, a day in UTC). A request reserves what it may
use; once it is answered the reservation is settled with what it used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MINUTE = 60
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount that counts against a cap."""

    name: str
    """"requests_per_minute"."""
    seconds: int
    """Length of the window."""
    cap: int
    amount: int


@dataclass(frozen=True, slots=True)
class Window:
    """A charge that was taken, and the window in which it counts."""

    counter: str
    """Name of the counter: tenant, cap and window."""
    charge: Charge


@dataclass(frozen=True, slots=True)
class Over:
    """A cap that does not allow it."""

    name: str
    retry_after: int
    """Seconds until the window ends."""


class CountersLost(Exception):
    """The shared counters cannot be reached."""


class Counters(Protocol):
    """Where use is counted."""

    async def take(self, tenant: str, charges: Sequence[Charge]) -> tuple[Window, ...] | Over:
        """Take all charges, or none. Raises CountersLost."""
        ...

    async def settle(self, window: Window, amount: int) -> None:
        """Correct a counter by what a reservation was wrong. Raises CountersLost."""
        ...

    async def close(self) -> None:
        """Nothing more is counted."""
        ...


def counter_of(tenant: str, charge: Charge, now: float) -> tuple[str, int]:
    """The name of the counter of the window that holds a time, and seconds until its end."""
    number = int(now) // charge.seconds
    left = (number + 1) * charge.seconds - int(now)
    return f"strongroom:{tenant}:{charge.name}:{number}", left


class LocalCounters:
    """Counters of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds since the epoch."""
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._swept = 0.0

    async def take(self, tenant: str, charges: Sequence[Charge]) -> tuple[Window, ...] | Over:
        """Take all charges, or none."""
        now = self._clock()
        self._sweep(now)
        windows = []
        for charge in charges:
            name, left = counter_of(tenant, charge, now)
            used = self._counts.get(name, (0, 0.0))[0]
            if used + charge.amount > charge.cap:
                return Over(charge.name, left)
            windows.append((Window(name, charge), now + left))
        for window, end in windows:
            used = self._counts.get(window.counter, (0, 0.0))[0]
            self._counts[window.counter] = (used + window.charge.amount, end)
        return tuple(window for window, _ in windows)

    async def settle(self, window: Window, amount: int) -> None:
        """Add to a counter whose window is not over."""
        if window.counter in self._counts:
            used, end = self._counts[window.counter]
            self._counts[window.counter] = (max(0, used + amount), end)

    async def close(self) -> None:
        """Nothing to close."""

    def _sweep(self, now: float) -> None:
        """Forget windows that are over, once a minute."""
        if now - self._swept >= MINUTE:
            self._swept = now
            self._counts = {n: kept for n, kept in self._counts.items() if kept[1] > now}
