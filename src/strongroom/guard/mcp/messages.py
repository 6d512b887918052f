"""JSON-RPC 2.0 as MCP uses it: read strictly, answered validly.

Source: https://modelcontextprotocol.io/specification (2024-11-05 to 2026-07-28).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.gateway.body import read_json, write_json
from strongroom.guard.mcp.rules import McpRules

Message: TypeAlias = dict[str, Any]
Id: TypeAlias = str | int

TOO_LONG: Final = b""
"""Stands for a message that was longer than it may be; its bytes are gone."""
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
UNKNOWN_METHOD: Final = -32601
BLOCKED: Final = -32050
"""Ours, of the range that JSON-RPC leaves to servers."""
GONE: Final = -32051
"""The server ended, or took too long."""

PLAIN: Final = frozenset(
    ("initialize", "ping", "server/discover", "tools/list", "resources/list", "prompts/list",
     "resources/templates/list", "resources/subscribe", "resources/unsubscribe",
     "subscriptions/listen", "logging/setLevel", "tasks/get", "tasks/list", "tasks/cancel",
     "tasks/result", "notifications/initialized", "notifications/cancelled",
     "notifications/progress", "notifications/roots/list_changed")
)  # fmt: skip
"""Of clients: names, cursors and capabilities, nothing that a model wrote."""
JUDGED: Final = frozenset(("tools/call", "prompts/get", "resources/read", "completion/complete"))
"""Of clients: with values that a model chose."""
ASKED: Final = frozenset(("ping", "roots/list"))
"""Of servers: requests that give no orders."""


@dataclass(slots=True)
class Out:
    """What is sent after something came."""

    to_client: list[Message] = field(default_factory=list)
    to_server: list[Message] = field(default_factory=list)

    def add(self, other: Out) -> None:
        """Append what another one sends."""
        self.to_client += other.to_client
        self.to_server += other.to_server


def read_messages(data: bytes, rules: McpRules) -> tuple[list[Message], bool]:
    """The messages of a line or body, and whether they came as a batch. Raises InputError."""
    if data == TOO_LONG or len(data) > rules.message_bytes:
        raise LimitError(f"is longer than {rules.message_bytes} bytes")
    value = read_json(data, rules.depth)
    if not isinstance(value, list):
        return [_message(value)], False
    if not value:
        raise InputError("is an empty batch")
    if len(value) > rules.batch:
        raise LimitError(f"is a batch of more than {rules.batch} messages")
    return [_message(one) for one in value], True


def written(messages: Iterable[Message], *, batch: bool) -> list[bytes]:
    """Lines or bodies; a batch is answered by a batch."""
    listed = list(messages)
    if batch and listed:
        return [write_json(listed)]
    return [write_json(one) for one in listed]


def failure(id_: Id | None, code: int, what: str, **data: Any) -> Message:
    """A response that says why not."""
    error: Message = {"code": code, "message": what}
    if data:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": id_, "error": error}


def is_request(message: Message) -> bool:
    """Whether it wants an answer."""
    return "method" in message and "id" in message


def params_of(message: Message) -> dict[str, Any]:
    """Its parameters; an empty object if it has none."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def _message(value: Any) -> Message:
    """One message, of a form that every reader reads alike. Raises InputError."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise InputError("is no JSON-RPC 2.0 message")
    id_ = value.get("id")
    if isinstance(id_, bool) or not isinstance(id_, str | int | None):
        raise InputError("expected a string or a number", where="id")
    if "method" in value:
        if not isinstance(value["method"], str) or "result" in value or "error" in value:
            raise InputError("is a request and a response at once")
        if "id" in value and id_ is None:
            raise InputError("a request's id must not be null", where="id")
        if not isinstance(value.get("params", {}), dict):
            raise InputError("expected an object", where="params")
    elif ("result" in value) == ("error" in value) or "id" not in value:
        raise InputError("is neither a request nor a response")
    elif not isinstance(value.get("result", value.get("error")), dict):
        raise InputError("expected an object", where="result")
    return value
