"""A bank's process: it calls the coordinator, answers what it is asked, and keeps its rows.

Only outbound connections. When the coordinator goes away the bank calls again, until its patience
ends.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.errors import AbortedError, DeniedError, InputError, TrustError
from strongroom.federated import certificates, wire
from strongroom.federated.desk import Desk
from strongroom.federated.discretion import Given
from strongroom.federated.models import Model, from_bytes
from strongroom.federated.parties import Party
from strongroom.federated.plan import Plan
from strongroom.federated.wire import Frame
from strongroom.federated.worker import Loss, Rows, Worker, spend_nothing
from strongroom.storage.files import told

MAX_GIVEN: Final = 64 * 1024 * 1024
_PAUSE: Final = 0.5
_DIAL: Final = 10.0
"""Seconds to reach the coordinator and agree on TLS."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where the coordinator listens, and how long a bank puts up with it."""

    host: str
    port: int
    patience: float = 60.0
    """Seconds without a coordinator before the bank gives up."""
    silence: float = 3600.0
    """Seconds without a frame on an open connection."""


def _nothing(_: str) -> None:
    """Nobody listens."""


def take_part(
    party: Party,
    plan: Plan,
    rows: Rows,
    line: Line,
    *,
    spend: Callable[[Loss], None] = spend_nothing,
    say: Callable[[str], None] = _nothing,
    watch: Callable[[str], None] = _nothing,
) -> Model:
    """Work on the plan until it is done; returns the common model.

    `watch` is told each step that is asked for, before it is answered.

    Raises AbortedError when no coordinator is there for `line.patience`, DeniedError when it will
    not have this bank, TrustError when it is not the plan's coordinator.
    """
    me = next((n for n, key in plan.keys.items() if key == party.key.public), None)
    if me is None:
        raise InputError("the plan does not name this bank's key", where=str(party.folder))
    memory = Memory(party.folder / "given.jsonl", plan)
    worker = Worker(plan, me, rows, os.urandom, spend)
    desk = Desk(plan, me, party.key, worker, os.urandom, memory.read(), memory.write)
    context = certificates.tls(party.folder, party.secret, server=False)
    since = time.monotonic()
    while time.monotonic() - since < line.patience:
        try:
            with _call(context, plan, line) as link:
                say(f"connected to {plan.coordinator}")
                model = _serve(link, plan, desk, say, watch)
                if model is not None:
                    return model
                since = time.monotonic()
        except ssl.SSLCertVerificationError as error:
            raise TrustError(
                f"this is not the plan's {plan.coordinator}: {error.verify_message}",
                where=f"{line.host}:{line.port}",
            ) from error
        except OSError as error:
            say(f"no coordinator: {error}")
        time.sleep(_PAUSE)
    raise AbortedError(
        f"no coordinator for {line.patience:g} seconds",
        where=f"{line.host}:{line.port}",
        fix="start it, then this again: it goes on where it was",
    )


class Memory:
    """The sums that a bank was part of, one JSON object a line."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path, self._plan = path, str(plan.digest)

    def read(self) -> list[Given]:
        """Of this plan. Raises InputError for a file that is not ours."""
        if not self._path.exists():
            return []
        with told(self._path):
            if self._path.stat().st_size > MAX_GIVEN:
                raise InputError("too long a memory", where=str(self._path))
            lines = self._path.read_bytes().split(b"\n")
        found = []
        for line in lines[:-1]:  # what has no end was cut off while nothing was given yet
            try:
                raw = json.loads(line)
                if raw["plan"] == self._plan:
                    found.append(Given.from_json(raw))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError("a line that is not ours", where=str(self._path)) from error
        return found

    def write(self, given: Given) -> None:
        """Add one; durable when this returns. Raises StoreError."""
        line = json.dumps({"plan": self._plan, **given.to_json()}).encode() + b"\n"
        with told(self._path), self._path.open("ab+") as file:
            file.seek(0)
            whole = file.read().rpartition(b"\n")
            # Half a line is of a process that was killed before it gave anything away.
            file.truncate(len(whole[0]) + len(whole[1]))
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def _call(context: ssl.SSLContext, plan: Plan, line: Line) -> ssl.SSLSocket:
    plain = socket.create_connection((line.host, line.port), timeout=_DIAL)
    try:
        link = context.wrap_socket(plain, server_hostname=plan.coordinator)
    except BaseException:
        plain.close()
        raise
    link.settimeout(line.silence)
    link.sendall(Frame({"hello": wire.PROTOCOL, "plan": str(plan.digest)}).to_bytes())
    return link


def _serve(
    link: ssl.SSLSocket,
    plan: Plan,
    desk: Desk,
    say: Callable[[str], None],
    watch: Callable[[str], None],
) -> Model | None:
    """Answer until the coordinator is done (its model) or gone (None)."""
    while True:
        frame = _receive(link, plan.coordinator)
        if frame is None:
            return None
        if "over" in frame.header:
            return from_bytes(frame.body, where=plan.coordinator)
        if "gone" in frame.header:
            return None
        if "denied" in frame.header:
            raise DeniedError(str(frame.header["denied"])[:500], where=plan.coordinator)
        watch(str(frame.header.get("step")))
        answer = desk.answer(frame)
        if "refused" in answer.header:
            say(f"refused: {answer.header['refused']}")
        link.sendall(answer.to_bytes())


def _receive(link: ssl.SSLSocket, where: str) -> Frame | None:
    head = _exactly(link, wire.HEAD.size)
    if head is None:
        return None
    header_size, body_size = wire.sizes(head, max_body=wire.MAX_BODY, where=where)
    header, body = _exactly(link, header_size), _exactly(link, body_size)
    if header is None or body is None:
        return None
    return wire.frame_of(header, body, where=where)


def _exactly(link: ssl.SSLSocket, size: int) -> bytes | None:
    """So many bytes, or None when the other side is gone."""
    made = bytearray()
    while len(made) < size:
        chunk = link.recv(min(size - len(made), 1 << 20))
        if not chunk:
            return None
        made += chunk
    return bytes(made)
