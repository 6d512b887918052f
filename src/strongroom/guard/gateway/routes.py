"""Which paths there are, and what is spoken there. All others are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from strongroom.guard.gateway.parts import Reading
from strongroom.guard.gateway.refusals import Family
from strongroom.guard.gateway.wire import (
    anthropic_messages,
    openai_chat,
    openai_embeddings,
    openai_responses,
)
from strongroom.guard.gateway.wire.anthropic_stream import AnthropicRewriter
from strongroom.guard.gateway.wire.openai_chat_stream import ChatRewriter
from strongroom.guard.gateway.wire.openai_responses_stream import ResponsesRewriter
from strongroom.guard.gateway.wire.rewriter import Rewriter
from strongroom.guard.records import Source

Read: TypeAlias = Callable[[dict[str, Any], Source], Reading]


@dataclass(frozen=True, slots=True)
class Route:
    """One path."""

    name: str
    """As it is recorded."""
    family: Family
    read: Read | None = None
    """None where a request has no body: lists of models."""
    rewriter: type[Rewriter] | None = None
    """None where nothing streams."""
    judged: bool = True
    """Whether an answer holds text of a model."""
    echoed: frozenset[str] = frozenset()
    """Fields of an answer that repeat the request."""


_POST: Final = {
    "/v1/chat/completions": Route(
        "chat", Family.OPENAI, openai_chat.read, ChatRewriter
    ),
    "/v1/responses": Route(
        "responses", Family.OPENAI, openai_responses.read, ResponsesRewriter,
        echoed=openai_responses.ECHOED,
    ),
    "/v1/embeddings": Route("embeddings", Family.OPENAI, openai_embeddings.read, judged=False),
    "/v1/messages": Route(
        "messages", Family.ANTHROPIC, anthropic_messages.read, AnthropicRewriter
    ),
    "/v1/messages/count_tokens": Route(
        "count_tokens", Family.ANTHROPIC, anthropic_messages.read, judged=False
    ),
}  # fmt: skip
_MODELS: Final = re.compile(r"/v1/models(?:/[A-Za-z0-9][\w.:@-]{0,199}){0,2}", re.ASCII)
"""No segment of a path may be `..`: it would lead to other parts of the upstream."""
_FIELD: Final = re.compile(
    rb"(?:beta|api-version|limit|order|after|before|after_id|before_id)=[A-Za-z0-9._:-]{1,128}"
)


def route_of(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> Route | None:
    """The route of a request, if there is one. Anthropic's clients name their version."""
    if method == "POST":
        return _POST.get(path)
    if method == "GET" and _MODELS.fullmatch(path):
        is_anthropic = any(name == b"anthropic-version" for name, _ in headers)
        family = Family.ANTHROPIC if is_anthropic else Family.OPENAI
        return Route("models", family, judged=False)
    return None


def query_of(query: bytes) -> str:
    """What goes on of a query: a version, a page; nothing that could hold text."""
    kept = [pair for pair in query.split(b"&") if _FIELD.fullmatch(pair)]
    return f"?{b'&'.join(kept).decode()}" if kept else ""


def family_of(path: str, headers: list[tuple[bytes, bytes]]) -> Family:
    """In whose shape to refuse where there is no route."""
    spoken = path.startswith("/v1/messages") or any(n == b"anthropic-version" for n, _ in headers)
    return Family.ANTHROPIC if spoken else Family.OPENAI
