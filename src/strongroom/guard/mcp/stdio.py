"""Runs a server as a child and stands between it and the client, on standard input and output.

The client leaves: the server's input ends, and it gets a while to stop. The server ends: whoever
still waits for an answer gets an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from strongroom.domain.errors import InputError
from strongroom.guard.mcp.lines import Lines, Sent, encoded, from_client, from_server
from strongroom.guard.mcp.session import Session

CHUNK: Final = 65_536
GRACE: Final = 5.0
"""Seconds that a server has to end by itself, and again after it was asked to."""
TICK: Final = 0.5
"""Seconds between looks for answers that are overdue."""


class Wrapper:
    """One client, one child."""

    def __init__(self, session: Session, child: asyncio.subprocess.Process) -> None:
        self._session, self._child = session, child
        self._out: asyncio.StreamWriter | None = None

    async def run(self) -> int:
        """Relay until one side ends. 0: the client left; 1: the server ended first."""
        loop = asyncio.get_running_loop()
        source = asyncio.StreamReader()
        try:
            await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(source), sys.stdin.buffer
            )
            transport, protocol = await loop.connect_write_pipe(
                asyncio.streams.FlowControlMixin, sys.stdout.buffer
            )
        except ValueError as error:
            raise InputError("standard input and output must be pipes of a client") from error
        self._out = asyncio.StreamWriter(transport, protocol, None, loop)
        client = asyncio.ensure_future(self._from_client(source))
        server = asyncio.ensure_future(self._from_server())
        ticking = asyncio.ensure_future(self._tick())
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, client.cancel)
        try:
            await asyncio.wait((client, server), return_when=asyncio.FIRST_COMPLETED)
            left_first = client.done()
            if left_first:
                await self._stop(server)
            else:
                client.cancel()
                await self._send(encoded(self._session.ended()))
        finally:
            ticking.cancel()
            await self._stop(server)
        for task in (client, server):
            failed = task.exception() if task.done() and not task.cancelled() else None
            if failed is not None:
                raise failed
        return 0 if left_first else 1

    async def _from_client(self, source: asyncio.StreamReader) -> None:
        lines = Lines(self._session.rules.message_bytes)
        while chunk := await source.read(CHUNK):
            for line in lines.feed(chunk):
                await self._send(from_client(self._session, line, time.time()))

    async def _from_server(self) -> None:
        lines = Lines(self._session.rules.message_bytes)
        if self._child.stdout is None:
            return
        while chunk := await self._child.stdout.read(CHUNK):
            for line in lines.feed(chunk):
                await self._send(from_server(self._session, line))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._send(encoded(self._session.overdue(time.time())))

    async def _send(self, sent: Sent) -> None:
        """Write to both sides; one that is gone takes nothing more."""
        for writer, messages in ((self._out, sent.to_client), (self._child.stdin, sent.to_server)):
            if writer is None or not messages:
                continue
            with contextlib.suppress(ConnectionError):
                writer.write(b"".join(message + b"\n" for message in messages))
                await writer.drain()

    async def _stop(self, server: asyncio.Future[None]) -> None:
        """End the server: its input, then a request, then by force."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        for act in (self._child.terminate, self._child.kill, lambda: None):
            await asyncio.wait((server,), timeout=GRACE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), GRACE)
                return
            with contextlib.suppress(ProcessLookupError):
                act()


async def wrap(command: Sequence[str], session: Callable[[], Session]) -> int:
    """Start a server and stand before it. Raises InputError if it does not start."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", where=command[0]) from error
    return await Wrapper(session(), child).run()
