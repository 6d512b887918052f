"""A request as a conversation with tools: who said what, and which result answers which call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.body import read_object
from strongroom.guard.gateway.parts import as_text
from strongroom.guard.records import Source
from strongroom.guard.tools.turns import Call, Said, Turn

_SOURCES: Final = {
    "system": Source.SYSTEM,
    "developer": Source.SYSTEM,
    "user": Source.USER,
    "assistant": Source.OUTPUT,
}
_TEXTS: Final = frozenset(("text", "input_text", "output_text"))
_ELSEWHERE: Final = ("previous_response_id", "conversation")
"""Fields that say that a part of the conversation is kept by the provider."""


@dataclass(slots=True)
class _Told:
    turns: list[Turn] = field(default_factory=list)
    place: int = 0
    calls: dict[str, Call | None] = field(default_factory=dict)
    """By id; None for an id that was given twice, whose results nobody can tell apart."""

    def say(self, source: Source, value: Any) -> None:
        if value:
            text = value if isinstance(value, str) else as_text(value)
            self.turns.append(Said(source, text, self.place))

    def call(self, id_: Any, name: Any, arguments: Any) -> None:
        call = Call(str(name), _read(arguments), self.place)
        self.calls[str(id_)] = None if str(id_) in self.calls else call
        self.turns.append(call)

    def answer(self, id_: Any, value: Any) -> None:
        call = self.calls.get(str(id_))
        for text in _texts(value):
            self.turns.append(Said(Source.TOOL_RESULT, text, self.place, call))

    def content(self, source: Source, value: Any) -> None:
        """A text, or blocks; of these only plain text is the speaker's own."""
        for block in value if isinstance(value, list) else [value]:
            kind = block.get("type") if isinstance(block, dict) else "text"
            if not isinstance(block, dict) or kind in _TEXTS:
                self.say(source, block.get("text") if isinstance(block, dict) else block)
            elif str(kind).endswith("tool_use"):
                self.call(block.get("id"), block.get("name"), block.get("input"))
            elif kind == "tool_result":
                self.answer(block.get("tool_use_id"), block.get("content"))
            else:
                self.say(source if source is Source.SYSTEM else Source.CONTEXT, block)


def turns_of(body: dict[str, Any]) -> list[Turn]:
    """The conversation of a request, of whichever of the formats. Never raises."""
    told = _Told()
    if any(body.get(name) for name in _ELSEWHERE):
        told.say(Source.CONTEXT, "a part of this conversation is not known here")
    told.content(Source.SYSTEM, body.get("system") or body.get("instructions"))
    given = body.get("messages", body.get("input"))
    for place, one in enumerate(given if isinstance(given, list) else [given]):
        told.place = place
        if isinstance(one, dict):
            _item(told, one)
        else:
            told.say(Source.USER, one)
    return told.turns


def _item(told: _Told, one: dict[str, Any]) -> None:
    kind, role = str(one.get("type", "message")), one.get("role")
    if kind in ("function_call", "custom_tool_call"):
        arguments = one.get("arguments", {"input": one.get("input")})
        told.call(one.get("call_id"), one.get("name"), arguments)
    elif kind.endswith("_output"):
        told.answer(one.get("call_id"), one.get("output"))
    elif role == "tool":
        told.answer(one.get("tool_call_id"), one.get("content"))
    elif isinstance(role, str) and role in _SOURCES:
        told.content(_SOURCES[role], one.get("content"))
        for call in one.get("tool_calls") or ():
            _chat_call(told, call)
        if isinstance(one.get("function_call"), dict):
            _chat_call(told, {"function": one["function_call"]})
    else:
        told.say(Source.CONTEXT, one)


def _chat_call(told: _Told, call: Any) -> None:
    inner = call.get("function") or call.get("custom") if isinstance(call, dict) else None
    if isinstance(inner, dict):
        arguments = inner.get("arguments", {"input": inner.get("input")})
        told.call(call.get("id"), inner.get("name"), arguments)


def _texts(value: Any) -> Iterator[str]:
    """The texts of a result; blocks that are no text as they are written."""
    for block in value if isinstance(value, list) else [value]:
        if isinstance(block, dict) and block.get("type") in _TEXTS:
            yield str(block.get("text"))
        elif block:
            yield block if isinstance(block, str) else as_text(block)


def _read(arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    try:
        return read_object(str(arguments).encode("utf-8", "replace"))
    except InputError:
        return {"unreadable": str(arguments)}
