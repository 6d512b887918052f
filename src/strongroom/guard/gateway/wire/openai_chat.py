"""OpenAI chat completions, as a dozen other servers speak them: requests and answers."""

from __future__ import annotations

from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.parts import (
    Form,
    Reader,
    Reading,
    Unread,
    listing,
    mapping,
)
from strongroom.guard.records import Source

_SOURCES: Final = {
    "system": Source.SYSTEM,
    "developer": Source.SYSTEM,
    "user": Source.USER,
    "assistant": Source.OUTPUT,
    "tool": Source.TOOL_RESULT,
    "function": Source.TOOL_RESULT,
}
_UNREAD: Final = {
    "image_url": Unread.IMAGE,
    "input_audio": Unread.AUDIO,
    "file": Unread.FILE,
}
_MESSAGE: Final = frozenset(("role", "content", "tool_calls", "function_call"))
_BODY: Final = frozenset(("messages", "model", "tools", "functions", "stream", "stream_options"))


def read(body: dict[str, Any], definitions: Source) -> Reading:
    """All that is judged of a request. `definitions`: who speaks in tool definitions."""
    reader = Reader()
    for place, value in enumerate(listing(body.get("messages"), "messages")):
        _message(reader, mapping(value, f"messages[{place}]"), f"messages[{place}]")
    for key in ("tools", "functions"):
        if body.get(key):
            reader.text(definitions, body, key, Form.TREE)
    reader.rest(Source.CONTEXT, body, _BODY)
    return reader.reading()


def source_of(role: Any, where: str) -> Source:
    """Who speaks in a role. Raises InputError for one that nobody has."""
    source = _SOURCES.get(role) if isinstance(role, str) else None
    if source is None:
        known = ", ".join(sorted(_SOURCES))
        raise InputError("is nobody's role", where=f"{where}.role", fix=f"one of {known}")
    return source


def _message(reader: Reader, message: dict[str, Any], where: str) -> None:
    source = source_of(message.get("role"), where)
    content = message.get("content")
    if isinstance(content, list):
        for value in content:
            _content(reader, source, mapping(value, f"{where}.content"))
    elif content is not None:
        reader.text(source, message, "content")
    for call in listing(message.get("tool_calls") or [], f"{where}.tool_calls"):
        for name in ("function", "custom"):
            _call(reader, mapping(call, f"{where}.tool_calls").get(name))
    _call(reader, message.get("function_call"))
    if isinstance(message.get("audio"), dict) and set(message["audio"]) != {"id"}:
        reader.unread.append(Unread.AUDIO)
    reader.rest(source, message, _MESSAGE)


def _content(reader: Reader, source: Source, part: dict[str, Any]) -> None:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        reader.text(source, part, kind)
        reader.rest(source, part, frozenset((kind, "cache_control")))
    else:
        reader.unread.append(_UNREAD.get(str(kind), Unread.OTHER))


def _call(reader: Reader, call: Any) -> None:
    if isinstance(call, dict):
        if "arguments" in call:
            reader.text(Source.OUTPUT, call, "arguments", Form.JSON_TEXT)
        reader.rest(Source.OUTPUT, call, frozenset(("arguments",)))
