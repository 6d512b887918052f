"""The guard before an MCP server over streamable HTTP: an ASGI application and a client.

Each `mcp-session-id` is a conversation of its own. In the stateless protocol of 2026-07-28 there is
none: then one is kept for each `authorization`, since values must be known from call to call.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import uvicorn

from strongroom.domain.errors import InputError, StoreError
from strongroom.guard.gateway.asgi import Disconnected, Receive, Scope, Send, answer, read_body
from strongroom.guard.gateway.body import read_json
from strongroom.guard.gateway.refusals import Refusal
from strongroom.guard.mcp.lines import Sent, encoded, from_client, from_server
from strongroom.guard.mcp.messages import BLOCKED, GONE, INVALID_REQUEST, Out, failure
from strongroom.guard.mcp.session import Session
from strongroom.guard.mcp.setting_up import Setup

SESSIONS: Final = 10_000
"""Conversations that are remembered; the one that was silent longest is forgotten first."""
BODY_SECONDS: Final = 30.0
_JSON: Final = (b"content-type", b"application/json")
_FORWARDED: Final = ("accept", "content-type", "authorization", "last-event-id")
_RETURNED: Final = ("content-type", "mcp-session-id", "www-authenticate", "retry-after", "allow")


@dataclass(slots=True)
class Front:
    """See the module."""

    setup: Setup
    url: str
    """Of the server's endpoint."""
    _client: aiohttp.ClientSession | None = None
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            await self._serve(scope["method"], headers, scope, receive, send)
        except Disconnected:
            return
        except Refusal as error:
            await _fail(send, error.status, INVALID_REQUEST, error.message)
        except InputError as error:
            await _fail(send, 502, GONE, f"the server's answer cannot be read: {error}")
        except StoreError:
            await _fail(send, 503, BLOCKED, "the decision could not be recorded")
        except (aiohttp.ClientError, TimeoutError):
            await _fail(send, 502, GONE, "the server does not answer")

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.close()

    async def _serve(
        self, method: str, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["path"] != urlsplit(self.url).path:
            raise Refusal(404, "no_route", "There is no such path here.")
        if not _is_local(headers):
            raise Refusal(403, "origin", "Requests of web pages are not served.")
        session, body = self._session(headers), None
        if method == "POST":
            session.overdue(time.time())  # their connections are gone
            most = session.rules.message_bytes
            data = await read_body(scope, receive, most, BODY_SECONDS)
            _same_method(headers, data)
            sent = from_client(session, data, time.time())
            body = sent.to_server[0] if sent.to_server else None
            if body is None:
                content = sent.to_client[0] if sent.to_client else b""
                await answer(send, 200 if content else 202, content, [_JSON] if content else [])
                return
        elif method not in ("GET", "DELETE"):
            raise Refusal(405, "method", "Use POST, GET or DELETE.")
        forwarded = {
            k: v for k, v in headers.items() if k in _FORWARDED or k.startswith("mcp-")
        } | {"accept-encoding": "identity"}
        leaving = asyncio.ensure_future(_left(receive))
        work = asyncio.ensure_future(self._forward(method, body, forwarded, session, send))
        try:
            await asyncio.wait((leaving, work), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                raise Disconnected
            await work
        finally:
            leaving.cancel()

    async def _forward(
        self,
        method: str,
        body: bytes | None,
        headers: dict[str, str],
        session: Session,
        send: Send,
    ) -> None:
        silent = None if method == "GET" else session.rules.seconds
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=silent)
        client = self._client = self._client or aiohttp.ClientSession(auto_decompress=False)
        async with client.request(
            method, self.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            if id_ := response.headers.get("mcp-session-id"):
                self._keep(id_, session)
            told = [
                (name.encode(), response.headers[name].encode("latin-1"))
                for name in _RETURNED
                if name in response.headers
            ]
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                await self._stream(response, session, headers, told, send)
                return
            data = b"".join([part async for part in _bounded(response, session)])
            if not data:
                await answer(send, response.status, b"", told)
                return
            sent = from_server(session, data)
            await self._back(sent, headers)
            content = sent.to_client[0] if sent.to_client else b""
            if not content:
                raise InputError("is none that was asked for")
            await answer(send, response.status, content, told)

    async def _stream(
        self,
        response: aiohttp.ClientResponse,
        session: Session,
        headers: dict[str, str],
        told: list[tuple[bytes, bytes]],
        send: Send,
    ) -> None:
        """Relay events; an error ends the stream, and whoever waits is told."""
        await send({"type": "http.response.start", "status": response.status, "headers": told})
        try:
            async for block in _events(response, session):
                out, sent = _rewritten(block, session)
                await self._back(sent, headers)
                if out:
                    await send({"type": "http.response.body", "body": out, "more_body": True})
        except (aiohttp.ClientError, TimeoutError, InputError):
            lost = Out() if "mcp-session-id" in headers else session.ended()
            for message in encoded(lost).to_client:
                out = b"data: " + message + b"\n\n"
                await send({"type": "http.response.body", "body": out, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _back(self, sent: Sent, headers: dict[str, str]) -> None:
        """Send the server the guard's answers to what it must not ask."""
        for message in sent.to_server:
            if self._client is not None:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    await self._client.post(self.url, data=message, headers=headers)

    def _session(self, headers: dict[str, str]) -> Session:
        """The conversation; without an id each request has an exchange of its own in it."""
        digest = hashlib.sha256(headers.get("authorization", "").encode()).hexdigest()
        given = headers.get("mcp-session-id", f"authorization {digest}")
        known = self._sessions.get(given) or self.setup.session()
        self._keep(given, known)
        return known if "mcp-session-id" in headers else known.exchange()

    def _keep(self, id_: str, session: Session) -> None:
        self._sessions[id_] = session
        self._sessions.move_to_end(id_)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)


def _rewritten(block: bytes, session: Session) -> tuple[bytes, Sent]:
    """An event with what may leave of its message; comments and ids stay as they are."""
    lines = block.split(b"\n")
    data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
    if not data.strip():
        return block + b"\n\n", encoded(Out())
    sent = from_server(session, data)
    head = b"".join(line + b"\n" for line in lines if not line.startswith(b"data:"))
    return b"".join(head + b"data: " + one + b"\n\n" for one in sent.to_client), sent


async def _events(response: aiohttp.ClientResponse, session: Session) -> AsyncIterator[bytes]:
    """Blocks of a stream of events, without their ends."""
    left, most = b"", session.rules.message_bytes
    async for chunk in response.content.iter_any():
        left = (left + chunk).replace(b"\r\n", b"\n")
        *blocks, left = left.split(b"\n\n")
        for block in blocks:
            yield block
        if len(left) > most:
            raise InputError(f"an event is longer than {most} bytes")


async def _bounded(response: aiohttp.ClientResponse, session: Session) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > session.rules.message_bytes:
            raise InputError(f"is longer than {session.rules.message_bytes} bytes")
        yield chunk


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _fail(send: Send, status: int, code: int, what: str) -> None:
    content = encoded(Out([failure(None, code, what)])).to_client[0]
    await answer(send, status, content, [_JSON])


def _same_method(headers: dict[str, str], data: bytes) -> None:
    """A header that names another method than the body would let two readers see two things."""
    named = headers.get("mcp-method")
    if named is None:
        return
    with contextlib.suppress(InputError):
        value = read_json(data)
        if isinstance(value, dict) and value.get("method") != named:
            raise Refusal(400, "mismatch", "The header and the body name different methods.")


def _is_local(headers: dict[str, str]) -> bool:
    """Whether no web page asks, or one of this very host: others could rebind their DNS."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class Server(uvicorn.Server):
    """uvicorn, which closes the front's connections at its end."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """End, and close connections."""
        await super().shutdown(sockets)  # type: ignore[arg-type]
        await self._front.close()


def server_of(setup: Setup, url: str, host: str, port: int) -> Server:
    """A server that is ready to run."""
    front = Front(setup, url)
    config = uvicorn.Config(
        front, host=host, port=port, lifespan="off", interface="asgi3", ws="none",
        access_log=False, log_level="warning", server_header=False, date_header=False,
        proxy_headers=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    return Server(config, front)


def serve(setup: Setup, url: str, listen: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises InputError for an address that is none."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or urlsplit(url).scheme not in ("http", "https"):
        raise InputError("expected HOST:PORT, and an address of http or https", where=listen)
    server_of(setup, url, host, int(port)).run()
