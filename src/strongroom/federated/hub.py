"""The coordinator's connections: banks call in, are checked by name and key, and are asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from strongroom.domain.errors import StrongroomError, TrustError
from strongroom.federated import wire
from strongroom.federated.certificates import holder
from strongroom.federated.plan import Plan
from strongroom.federated.wire import Frame

_HELLO: Final = 10.0
"""Seconds for a caller to say which plan it has."""
_GOODBYE: Final = 2.0
"""Seconds for a connection to be closed in good order."""


@dataclass(slots=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hub:
    """Who is connected, and one question at a time for each."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan, self._say = plan, say
        self._keys = plan.keys
        self._links: dict[str, _Link] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()

    @property
    def present(self) -> list[str]:
        """Banks that are connected."""
        return sorted(self._links)

    async def listen(self, host: str, port: int, context: ssl.SSLContext) -> asyncio.Server:
        """Take calls; port 0 is any free one."""
        return await asyncio.start_server(
            self._take, host, port, ssl=context, ssl_handshake_timeout=_HELLO
        )

    async def gather(self, at_least: int, seconds: float) -> list[str]:
        """Wait until so many banks are connected, or the time is over; who is."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while len(self._links) < at_least and (left := end - loop.time()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                break
        return self.present

    async def ask(self, bank: str, frame: Frame, seconds: float, max_body: int) -> Frame | None:
        """A bank's answer, or None when it is late, gone, or does not keep to the form."""
        link = self._links.get(bank)
        if link is None:
            return None
        try:
            async with link.lock, asyncio.timeout(seconds):
                link.writer.write(frame.to_bytes())
                await link.writer.drain()
                return await _read(link.reader, max_body, bank)
        except TimeoutError:
            self.drop(bank, "it is late")
        except (OSError, asyncio.IncompleteReadError):
            self.drop(bank, "it is gone")
        except StrongroomError as error:
            self.drop(bank, str(error))
        return None

    async def tell(self, frame: Frame, seconds: float) -> None:
        """Send to everybody, and hang up."""
        for bank, link in list(self._links.items()):
            try:
                async with asyncio.timeout(seconds):
                    link.writer.write(frame.to_bytes())
                    await link.writer.drain()
            except OSError:  # TimeoutError is one
                pass
            self.drop(bank, "done")

    async def close(self) -> None:
        """Hang up on everybody, and wait until that is done."""
        for writer in list(self._open):
            writer.close()
            try:
                await asyncio.wait_for(writer.wait_closed(), _GOODBYE)
            except OSError:  # TimeoutError and ssl.SSLError are some
                writer.transport.abort()
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn

    def drop(self, bank: str, why: str) -> None:
        """Hang up: an answer that comes late must not be taken for the next one."""
        link = self._links.pop(bank, None)
        if link is not None:
            self._say(f"{bank}: {why}")
            link.writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open = {one for one in self._open if not one.transport.is_closing()} | {writer}
        try:
            async with asyncio.timeout(_HELLO):
                name = self._caller(writer)
                hello = await _read(reader, 0, name)
                if hello.header != {"hello": wire.PROTOCOL, "plan": str(self._plan.digest)}:
                    raise TrustError("another plan, or another version", where=name)
        except StrongroomError as error:
            self._say(f"turned away: {error}")
            writer.write(Frame({"denied": str(error)}).to_bytes())
            writer.close()
            return
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        if name in self._links:
            self.drop(name, "it called again")
        self._links[name] = _Link(reader, writer)
        self._say(f"{name}: connected")
        self._changed.set()

    def _caller(self, writer: asyncio.StreamWriter) -> str:
        """The bank's name, from a certificate of the key that the plan names. Raises TrustError."""
        secure = writer.get_extra_info("ssl_object")
        name, key = holder(secure.getpeercert(binary_form=True) or b"")
        if self._keys.get(name) != key:
            raise TrustError("the plan does not name this bank with this key", where=name)
        return name


async def _read(reader: asyncio.StreamReader, max_body: int, where: str) -> Frame:
    head = await reader.readexactly(wire.HEAD.size)
    header, body = wire.sizes(head, max_body=max_body, where=where)
    return wire.frame_of(
        await reader.readexactly(header), await reader.readexactly(body), where=where
    )
