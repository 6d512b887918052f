"""What is judged of a server's answers: which texts, as whose words, and what nothing can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.guard.gateway.parts import Form, Part
from strongroom.guard.records import Source

LISTS: Final = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""The field of an answer that holds definitions; each is judged, and left out, on its own."""
_NAMES: Final = frozenset(
    ("resultType", "isError", "nextCursor", "type", "role", "mimeType", "requestState", "ttlMs",
     "cacheScope", "protocolVersion", "supportedVersions", "capabilities")
)  # fmt: skip


@dataclass(slots=True)
class Answered:
    """One answer's texts."""

    parts: list[Part] = field(default_factory=list)
    unread: bool = False
    """Whether it holds bytes of which nobody knows what they say."""

    def content(self, source: Source, block: dict[str, Any]) -> None:
        """A block of content: text, a resource, or bytes."""
        for key, value in block.items():
            if key in ("data", "blob") and isinstance(value, str):
                self.unread = True
            elif key == "resource" and isinstance(value, dict):
                self.content(source, value)
            else:
                self.field(source, block, key)

    def field(self, source: Source, holder: dict[str, Any], key: str) -> None:
        """Anything else: a text, or a tree."""
        value = holder[key]
        if isinstance(value, str) and value and key not in _NAMES:
            self.parts.append(Part(source, holder, key))
        elif isinstance(value, dict | list) and value and key not in _NAMES:
            self.parts.append(Part(source, holder, key, Form.TREE))


def read_result(method: str, result: dict[str, Any]) -> Answered:
    """The texts of an answer to a request of this method."""
    found = Answered()
    source = Source.TOOL_RESULT if method == "tools/call" else Source.CONTEXT
    for key, value in result.items():
        if key in ("content", "contents") and isinstance(value, list):
            for block in value:
                if isinstance(block, dict):
                    found.content(source, block)
                else:
                    found.unread = True
        elif key == "messages" and isinstance(value, list):
            for message in value:
                inner = message.get("content") if isinstance(message, dict) else None
                if isinstance(inner, dict):
                    found.content(source, inner)
                elif isinstance(message, dict):
                    found.field(source, message, "content")
        elif key == LISTS.get(method):
            continue
        else:
            found.field(source, result, key)
    return found


def read_params(message: dict[str, Any], source: Source) -> Answered:
    """The texts of a request or notification."""
    found = Answered()
    params = message.get("params")
    if isinstance(params, dict):
        for key in params:
            if key not in ("_meta", "progressToken", "requestId", "name", "uri", "level"):
                found.field(source, params, key)
    return found
