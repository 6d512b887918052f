"""OpenAI Responses: requests."""

from __future__ import annotations

from typing import Any, Final

from strongroom.guard.gateway.parts import Form, Reader, Reading, Unread, mapping
from strongroom.guard.gateway.wire.openai_chat import source_of
from strongroom.guard.records import Source

_UNREAD: Final = {
    "input_image": Unread.IMAGE,
    "input_audio": Unread.AUDIO,
    "input_file": Unread.FILE,
}
_TEXTS: Final = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
}
_BODY: Final = frozenset(
    ("input", "instructions", "tools", "model", "stream", "stream_options", "include",
     "previous_response_id", "conversation", "truncation")
)  # fmt: skip
_NO_TEXT: Final = frozenset(("item_reference", "compaction"))
ECHOED: Final = frozenset(
    ("instructions", "tools", "metadata", "tool_choice", "prompt", "text", "prompt_cache_key",
     "safety_identifier", "user")
)  # fmt: skip
"""Fields of an answer that repeat the request, which was judged."""


def read(body: dict[str, Any], definitions: Source) -> Reading:
    """All that is judged of a request. `definitions`: who speaks in tool definitions."""
    reader = Reader()
    if body.get("instructions") is not None:
        reader.text(Source.SYSTEM, body, "instructions")
    given = body.get("input")
    if isinstance(given, list):
        for place, value in enumerate(given):
            if isinstance(value, str):
                reader.text(Source.USER, given, place)
            else:
                _item(reader, given, place, mapping(value, f"input[{place}]"))
    elif given is not None:
        reader.text(Source.USER, body, "input")
    if body.get("tools"):
        reader.text(definitions, body, "tools", Form.TREE)
    reader.rest(Source.CONTEXT, body, _BODY)
    return reader.reading()


def _item(reader: Reader, items: list[Any], place: int, item: dict[str, Any]) -> None:
    kind = str(item.get("type", "message"))
    if kind == "message":
        source = source_of(item.get("role"), f"input[{place}]")
        _content(reader, source, item, "content")
        reader.rest(source, item, frozenset(("content",)))
    elif kind == "function_call":
        reader.text(Source.OUTPUT, item, "arguments", Form.JSON_TEXT)
        reader.rest(Source.OUTPUT, item, frozenset(("arguments",)))
    elif kind.endswith("_output"):
        _content(reader, Source.TOOL_RESULT, item, "output")
        reader.rest(Source.TOOL_RESULT, item, frozenset(("output",)))
    elif kind not in _NO_TEXT:
        reader.text(Source.OUTPUT, items, place, Form.TREE)


def _content(reader: Reader, source: Source, item: dict[str, Any], key: str) -> None:
    content = item.get(key)
    if content is None:
        return
    if not isinstance(content, list):
        reader.text(source, item, key, Form.TEXT if isinstance(content, str) else Form.TREE)
        return
    for value in content:
        part = mapping(value, key)
        kind = str(part.get("type"))
        if kind in _TEXTS:
            reader.text(source, part, _TEXTS[kind])
            reader.rest(source, part, frozenset((_TEXTS[kind],)))
        else:
            reader.unread.append(_UNREAD.get(kind, Unread.OTHER))
