"""Anthropic messages: requests."""

from __future__ import annotations

from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.parts import Form, Reader, Reading, Unread, listing, mapping
from strongroom.guard.records import Source

_SOURCES: Final = {"user": Source.USER, "assistant": Source.OUTPUT, "system": Source.SYSTEM}
_BODY: Final = frozenset(("messages", "system", "model", "tools", "stream", "max_tokens"))
_DATA: Final = frozenset(("search_result", "web_fetch_tool_result", "web_search_tool_result"))
_NO_TEXT: Final = frozenset(("redacted_thinking",))


def read(body: dict[str, Any], definitions: Source) -> Reading:
    """All that is judged of a request. `definitions`: who speaks in tool definitions."""
    reader = Reader()
    _content(reader, Source.SYSTEM, body, "system")
    for place, value in enumerate(listing(body.get("messages"), "messages")):
        message = mapping(value, f"messages[{place}]")
        source = _SOURCES.get(str(message.get("role")))
        if source is None:
            raise InputError("is nobody's role", where=f"messages[{place}].role")
        _content(reader, source, message, "content")
        reader.rest(source, message, frozenset(("content",)))
    if body.get("tools"):
        reader.text(definitions, body, "tools", Form.TREE)
    reader.rest(Source.CONTEXT, body, _BODY)
    return reader.reading()


def _content(reader: Reader, source: Source, holder: dict[str, Any], key: str) -> None:
    content = holder.get(key)
    if content is None:
        return
    if isinstance(content, str):
        reader.text(source, holder, key)
        return
    blocks = listing(content, key)
    for place, value in enumerate(blocks):
        _block(reader, source, blocks, place, mapping(value, key))


def _block(
    reader: Reader, source: Source, blocks: list[Any], place: int, block: dict[str, Any]
) -> None:
    kind = str(block.get("type"))
    if kind in ("text", "thinking"):
        reader.text(source, block, kind)
        reader.rest(source, block, frozenset((kind, "cache_control")))
    elif kind.endswith("tool_use"):
        if block.get("input"):
            reader.text(Source.OUTPUT, block, "input", Form.TREE)
        reader.rest(Source.OUTPUT, block, frozenset(("input", "cache_control", "caller")))
    elif kind == "tool_result":
        _content(reader, Source.TOOL_RESULT, block, "content")
    elif kind == "document":
        _document(reader, source, block)
    elif kind == "image":
        reader.unread.append(Unread.IMAGE)
    elif kind in _DATA or kind.endswith("tool_result"):
        reader.text(Source.CONTEXT, blocks, place, Form.TREE)
    elif kind not in _NO_TEXT:
        reader.unread.append(Unread.OTHER)


def _document(reader: Reader, source: Source, block: dict[str, Any]) -> None:
    """Text in a document is data, unless the system gives it."""
    speaker = source if source is Source.SYSTEM else Source.CONTEXT
    origin = mapping(block.get("source"), "source")
    if origin.get("type") == "text":
        reader.text(speaker, origin, "data")
    elif origin.get("type") == "content":
        _content(reader, speaker, origin, "content")
    else:
        reader.unread.append(Unread.FILE)
    reader.rest(speaker, block, frozenset(("source", "cache_control", "citations")))
