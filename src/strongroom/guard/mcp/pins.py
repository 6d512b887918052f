"""Pins: digests of what servers say about themselves, as somebody once read and approved it.

A server may change a tool's description after it was approved ("rug pull"), and one server's tool
may take the name of another's. So definitions are approved by digest, server by server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, StoreError
from strongroom.guard.folding import folded

MAX_FILE: Final = 8 * 1024 * 1024
PINNED: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations",
                 "arguments")  # fmt: skip
"""Fields of a tool or prompt that a model or a client acts on; in every version of the protocol."""
Section: TypeAlias = Literal["tools", "prompts"]


class ServerPins(BaseModel):
    """What one server was approved with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tools: dict[str, str] = {}
    """SHA-256 by name."""
    prompts: dict[str, str] = {}
    instructions: str = ""
    """SHA-256; empty if it gave none."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    servers: dict[str, ServerPins]


@dataclass(frozen=True, slots=True)
class Pins:
    """Approved definitions of all servers that an agent uses together."""

    servers: Mapping[str, ServerPins] = field(default_factory=dict)

    def with_server(self, name: str, pins: ServerPins) -> Pins:
        """With one server's pins in place of those it had."""
        return replace(self, servers={**self.servers, name: pins})

    def to_bytes(self) -> bytes:
        """As it is stored."""
        servers = {name: one.model_dump() for name, one in sorted(self.servers.items())}
        return json.dumps({"version": 1, "servers": servers}, indent=2).encode() + b"\n"


def read_pins(path: Path, *, new: bool = False) -> Pins:
    """Pins of a file; none of one that is not there, if it may be new. Raises InputError."""
    if new and not path.exists():
        return Pins()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE)
        return Pins(_File.model_validate_json(data).servers)
    except OSError as error:
        fix = "approve the server first: strongroom guard mcp pin"
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), fix=fix) from error
    except ValidationError as error:
        raise InputError("is no file of pins", where=str(path)) from error


def write_pins(path: Path, pins: Pins) -> None:
    """Replace a file at once."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_bytes(pins.to_bytes())
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def digest_of(definition: Mapping[str, Any]) -> str:
    """SHA-256 of what is pinned of a tool or prompt."""
    kept = {name: definition[name] for name in PINNED if definition.get(name) is not None}
    text = json.dumps(_bare(kept), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hex


def digest_of_text(text: str) -> str:
    """SHA-256 of instructions; empty for none."""
    return sha256(text.encode("utf-8", "surrogatepass")).hex if text else ""


def taken(name: str, server: str, pins: Pins) -> str | None:
    """Which other server has a tool of this name, or of one that looks like it."""
    like = folded(name)
    for other, own in pins.servers.items():
        if other != server and any(folded(tool) == like for tool in own.tools):
            return other
    return None


def shadowed(definition: Mapping[str, Any], server: str, pins: Pins) -> str | None:
    """Which other server's tool a description speaks of: it has no business to."""
    text = folded(json.dumps(_bare(definition), ensure_ascii=False))
    own = pins.servers.get(server, ServerPins()).tools
    for other, theirs in pins.servers.items():
        for tool in theirs.tools if other != server else ():
            if ("_" in tool or "-" in tool) and folded(tool) in text and tool not in own:
                return f"{other}.{tool}"
    return None


def _bare(value: Any) -> Any:
    """Without nulls, which some writers leave out."""
    if isinstance(value, Mapping):
        return {key: _bare(one) for key, one in value.items() if one is not None}
    return [_bare(one) for one in value] if isinstance(value, list) else value
