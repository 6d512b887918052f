"""A circuit breaker: an upstream that fails and fails is left alone, then tried by one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Circuit:
    """For one upstream."""

    failures: int
    """In a row, after which it opens."""
    seconds: float
    """That it stays open."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    _failed: int = 0
    _opened: float | None = None
    _trying: bool = False

    @property
    def is_open(self) -> bool:
        """Whether requests are turned away."""
        return self._opened is not None

    def wait(self) -> float:
        """Seconds to wait before a request may go; 0 if it may. One that may is then on trial."""
        if self._opened is None:
            return 0.0
        left = self._opened + self.seconds - self.clock()
        if left > 0:
            return left
        if self._trying:
            return 1.0
        self._trying = True
        return 0.0

    def succeeded(self) -> None:
        """The upstream answered, whatever it said."""
        self._failed, self._opened, self._trying = 0, None, False

    def failed(self) -> None:
        """It could not be reached, was too late, or said that it is broken."""
        self._failed += 1
        self._trying = False
        if self._failed >= self.failures:
            self._opened = self.clock()

    def settle(self, fine: bool | None) -> None:  # noqa: FBT001 - an outcome, not an option
        """How a request went; None where the client left before that was known."""
        if fine is None:
            self._trying = False
        elif fine:
            self.succeeded()
        else:
            self.failed()
