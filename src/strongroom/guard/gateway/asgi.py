"""Raw ASGI: read a body within limits, send an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from strongroom.guard.gateway.refusals import Refusal

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
HeaderList: TypeAlias = list[tuple[bytes, bytes]]


class Disconnected(Exception):
    """The client has left."""


async def read_body(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes:
    """A body of at most so many bytes, within a time. Raises Refusal or Disconnected."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise _too_large(most)
        if name == b"content-encoding" and value.lower() != b"identity":
            raise Refusal(415, "encoded_body", "The body must not be compressed.")
    message = await _within(receive, seconds)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return _bounded(body, most)
    deadline = asyncio.get_running_loop().time() + seconds
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await _within(receive, deadline - asyncio.get_running_loop().time())
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
    return b"".join(parts)


async def _within(receive: Receive, seconds: float) -> Message:
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError as error:
        raise Refusal(408, "slow_body", "The body took too long.") from error
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def _bounded(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> Refusal:
    return Refusal(413, "too_large", f"The body is larger than {most} bytes.")


async def answer(send: Send, status: int, body: bytes, headers: HeaderList) -> None:
    """A whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
