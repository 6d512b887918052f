"""Bytes in, bytes out: lines or bodies of JSON-RPC through a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from strongroom.domain.errors import InputError
from strongroom.guard.mcp.messages import (
    PARSE_ERROR,
    TOO_LONG,
    Message,
    Out,
    failure,
    read_messages,
    written,
)
from strongroom.guard.mcp.session import Session


class Lines:
    """Takes chunks however they were cut; gives whole lines, and of one too long only that."""

    def __init__(self, most: int) -> None:
        self._most, self._left, self._passing = most, bytearray(), False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that a chunk completes, without their ends; blank ones are left out."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            line = bytes(self._left) + piece
            self._left.clear()
            if self._passing or len(line) > self._most:
                self._passing = False
                yield TOO_LONG
            elif line.strip():
                yield line
        self._left += rest
        if len(self._left) > self._most:
            self._left.clear()
            self._passing = True


@dataclass(frozen=True, slots=True)
class Sent:
    """Encoded messages for each side."""

    to_client: list[bytes]
    to_server: list[bytes]


def encoded(out: Out, *, batch: bool = False) -> Sent:
    """Messages as bytes, without ends of lines."""
    return Sent(written(out.to_client, batch=batch), written(out.to_server, batch=batch))


def from_client(session: Session, data: bytes, now: float) -> Sent:
    """What becomes of a line or body of the client. What cannot be read is answered so."""
    return _through(session, data, lambda message: session.client(message, now), tell=True)


def from_server(session: Session, data: bytes) -> Sent:
    """What becomes of a line or body of the server. What cannot be read is dropped."""
    return _through(session, data, session.server, tell=False)


def _through(session: Session, data: bytes, take: Callable[[Message], Out], *, tell: bool) -> Sent:
    rules = session.rules
    try:
        messages, batch = read_messages(data, rules)
    except InputError as error:
        session.journal.refused("unread", "input" if tell else "output", "malformed")
        answers = [failure(None, PARSE_ERROR, f"the message {error}")] if tell else []
        return encoded(Out(to_client=answers))
    out = Out()
    for message in messages:
        out.add(take(message))
    return encoded(out, batch=batch)
