"""Slow-loris protection: a connection that does not send a whole head in time is closed.

uvicorn has a time-out between requests only; who sends a byte now and then would stay for ever.
Nor does it bound a head where it reads with httptools, so one that is too long ends here too.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

MAX_HEAD: Final = 65_536
"""Bytes of a head that is not whole; as h11, uvicorn's other reader, has it."""


def patient(seconds: float) -> type[asyncio.Protocol]:
    """The protocol of uvicorn, which waits so long for the head of each request."""

    class Patient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        _deadline: asyncio.TimerHandle | None = None
        _waited_for = 0

        def connection_made(self, transport: Any) -> None:
            """Wait for the first request."""
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            """Wait for a request that begins; stop once its head is there."""
            before = self.cycle
            if self._deadline is None and (before is None or before.response_complete):
                self._wait()
            super().data_received(data)
            if before is None or not before.more_body:  # else it is the rest of a refused body
                self._waited_for += len(data)
            if self.cycle is not before or self.transport.is_closing():
                self._stop_waiting()
            elif self._deadline is not None and self._waited_for > MAX_HEAD:
                self._give_up()

        def connection_lost(self, exc: Exception | None) -> None:
            """Wait for nothing."""
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._waited_for = 0
            self._deadline = self.loop.call_later(seconds, self._give_up)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._stop_waiting()
            self.transport.close()

    return Patient
