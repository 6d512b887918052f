"""Asks a server what it offers, judges it, and makes the pins that say it was approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.engine import Question
from strongroom.guard.gateway.parts import as_text
from strongroom.guard.mcp.journal import Journal
from strongroom.guard.mcp.pins import (
    Pins,
    ServerPins,
    digest_of,
    digest_of_text,
    shadowed,
    taken,
)
from strongroom.guard.records import Action, Source

MAX_OFFERED = 2_000
"""Tools or prompts of one server."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a server says about itself."""

    tools: tuple[Mapping[str, Any], ...]
    prompts: tuple[Mapping[str, Any], ...]
    instructions: str

    @property
    def pins(self) -> ServerPins:
        """Digests of it."""
        return ServerPins(
            tools={str(one["name"]): digest_of(one) for one in self.tools},
            prompts={str(one["name"]): digest_of(one) for one in self.prompts},
            instructions=digest_of_text(self.instructions),
        )


async def ask(server: Sequence[str] | str, environ: Mapping[str, str]) -> Offered:
    """Start a command, or go to an address, and ask. Raises InputError."""
    target: Any = server
    if not isinstance(server, str):
        target = StdioServerParameters(command=server[0], args=list(server[1:]), env=dict(environ))
    try:
        async with Client(target, cache=None, read_timeout_seconds=60) as client:
            has = client.server_capabilities
            tools = await _all(client.list_tools, "tools") if has.tools else ()
            prompts = await _all(client.list_prompts, "prompts") if has.prompts else ()
            return Offered(tools, prompts, client.instructions or "")
    except (OSError, MCPError, ExceptionGroup) as error:
        raise InputError(f"the server does not answer: {type(error).__name__}") from error


def faults(offered: Offered, server: str, pins: Pins, journal: Journal) -> list[str]:
    """Why an offer must not be approved as it is: one line for each fault."""
    found: list[str] = []
    names = [str(one["name"]) for one in offered.tools]
    found += [
        f"{name}: is offered twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for tool in offered.tools:
        name = str(tool["name"])
        if other := taken(name, server, pins):
            found.append(f"{name}: the server {other} has a tool of this name")
        if other := shadowed(tool, server, pins):
            found.append(f"{name}: speaks of {other}, a tool of another server")
    texts = [(str(one["name"]), as_text(one)) for one in (*offered.tools, *offered.prompts)]
    for name, text in [*texts, ("instructions", offered.instructions)]:
        judged = journal.guard.judge(Question(text, Source.CONTEXT, journal.grounds))
        if judged.action is Action.BLOCK:
            kinds = ", ".join(dict.fromkeys(d.kind for d in judged.detections))
            found.append(f"{name}: {kinds or 'could not be judged'}")
    return found


async def _all(listed: Any, field: str) -> tuple[Mapping[str, Any], ...]:
    """Every page of a list."""
    found: list[Mapping[str, Any]] = []
    cursor = None
    for _ in range(MAX_OFFERED):
        page = await listed(cursor=cursor)
        found += [one.model_dump(by_alias=True, mode="json") for one in getattr(page, field)]
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)
        if len(found) > MAX_OFFERED:
            break
    raise LimitError(f"the server offers more than {MAX_OFFERED} {field}")
