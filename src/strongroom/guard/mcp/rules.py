"""The section `mcp:` of a guard policy: what passes between a client and a server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class McpRules(BaseModel):
    """See the module."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unknown_methods: Literal["refuse", "pass"] = "refuse"
    """Methods of a client that MCP does not know; passed ones are judged like any text."""
    server_requests: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    """What a server may ask of the client, besides `ping` and `roots/list`:
    `sampling/createMessage` and `elicitation/create` give orders to its model and its user."""
    unread: Literal["block", "allow"] = "block"
    """Images, audio and other bytes, which nothing here can judge."""
    message_bytes: Annotated[int, Field(ge=1_024, le=256 * 1024 * 1024)] = 4 * 1024 * 1024
    depth: Annotated[int, Field(ge=4, le=200)] = 64
    batch: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Messages in one batch."""
    pending: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Requests without an answer yet."""
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """For an answer."""
    turns: Annotated[int, Field(ge=10, le=1_000_000)] = 5_000
    """Calls and results that are remembered; after as many nothing more is called."""
    remembered_chars: Annotated[int, Field(ge=1_000, le=10**9)] = 20_000_000
