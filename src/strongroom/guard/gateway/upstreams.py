"""Connections to servers of models."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import aiohttp

from strongroom.domain.errors import InputError, StrongroomError
from strongroom.guard.gateway.breaker import Circuit
from strongroom.guard.gateway.config import ClientTls, Upstream, secret_of
from strongroom.guard.gateway.refusals import Refusal

FORWARDED: Final = frozenset(
    (b"content-type", b"accept", b"user-agent", b"anthropic-version", b"anthropic-beta",
     b"openai-beta", b"idempotency-key")
)  # fmt: skip
"""Headers of a request that go on; keys, cookies and organisations do not."""
_FORWARDED_PREFIX: Final = b"x-stainless-"
BROKEN: Final = frozenset((500, 502, 503, 504, 529))
"""Answers that count as failures."""


class Server:
    """One upstream: its connections, its circuit, how many requests it has."""

    def __init__(
        self, name: str, config: Upstream, folder: Path, environ: Mapping[str, str]
    ) -> None:
        """Raises InputError where a key or certificate is missing."""
        self.name, self.config = name, config
        where = f"upstreams.{name}"
        self._key = secret_of(config.key, folder, environ, where) if config.key else None
        self._ssl = _context(config.tls, folder, where) if config.tls else None
        self.circuit = Circuit(config.breaker.failures, config.breaker.seconds, time.monotonic)
        self.busy = 0
        self._session: aiohttp.ClientSession | None = None

    def serves(self, model: str) -> bool:
        """Whether it has a model of that name."""
        return any(fnmatchcase(model, pattern) for pattern in self.config.models)

    def headers(self, given: list[tuple[bytes, bytes]]) -> dict[str, str]:
        """Those of a request that go on, with this upstream's key."""
        kept = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in given
            if name in FORWARDED or name.startswith(_FORWARDED_PREFIX)
        }
        kept["accept-encoding"] = "identity"
        if self._key is not None and self.config.speaks == "anthropic":
            kept["x-api-key"] = self._key
        elif self._key is not None:
            kept["authorization"] = f"Bearer {self._key}"
        return kept

    @asynccontextmanager
    async def request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request. Raises Refusal where there is no answer to pass on."""
        if self.busy >= self.config.concurrency:
            raise Refusal(503, "upstream_busy", f"{self.name} has as many requests as it may.", 1)
        if (wait := self.circuit.wait()) > 0:
            raise Refusal(503, "upstream_down", f"{self.name} does not answer.", int(wait) + 1)
        self.busy += 1
        fine: bool | None = None
        try:
            url = self.config.url.rstrip("/") + path
            async with self._open().request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=self._ssl or True,
            ) as response:
                answered = response.status not in BROKEN
                try:
                    yield response
                except StrongroomError:
                    fine = answered  # the guard's word, not the upstream's
                    raise
                fine = answered
        except Refusal:
            fine = True if fine is None else fine
            raise
        except TimeoutError as error:
            fine = False
            raise Refusal(504, "upstream_timeout", f"{self.name} took too long.") from error
        except aiohttp.ClientError as error:
            fine = False
            raise Refusal(502, "upstream_error", f"{self.name} could not be reached.") from error
        finally:
            self.busy -= 1
            self.circuit.settle(fine)

    def _open(self) -> aiohttp.ClientSession:
        """Made on first use: it belongs to the running loop."""
        if self._session is None:
            config = self.config
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                timeout=aiohttp.ClientTimeout(
                    total=config.total_seconds,
                    sock_connect=config.connect_seconds,
                    sock_read=config.first_byte_seconds,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("user-agent",),
                read_bufsize=256 * 1024,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections once no request uses them."""
        while self.busy:
            await asyncio.sleep(0.1)
        if self._session is not None:
            await self._session.close()


def _context(tls: ClientTls, folder: Path, where: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(folder / tls.ca) if tls.ca else None)
        if tls.certificate:
            key = str(folder / tls.key) if tls.key else None
            context.load_cert_chain(str(folder / tls.certificate), key)
    except OSError as error:
        raise InputError(f"certificates cannot be used: {error}", where=f"{where}.tls") from error
    return context
