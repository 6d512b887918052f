"""Calls of tools in the answers of models, judged before a client reads them.

A stream's arguments are held until they are whole; the event that would let them go is seen here
first, so a call that must not be made is never told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.body import read_object
from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.records import Action, Detection, hardest
from strongroom.guard.tools.judge import Warden
from strongroom.guard.tools.turns import Call, Objection, Turn

_Place: TypeAlias = tuple[Any, ...]
"""Format, and number of the choice, block or item."""
Raw: TypeAlias = tuple[str, Any]
"""A tool's name, and its arguments as the model wrote them."""


@dataclass(slots=True)
class Calls:
    """The calls of one answer, against all that came before them."""

    warden: Warden | None
    before: list[Turn]
    enforced: bool
    tokens: tuple[str, ...]
    """Approvals that came with the request."""
    now: float
    objections: list[Objection] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)
    """Calls that were judged, by digest; a stream tells them again when it ends."""
    _parts: dict[tuple[_Place, str], list[str]] = field(default_factory=dict)
    """Names and arguments of calls that grow."""

    def whole(self, value: Any) -> bool:
        """Judge every call that stands whole in a value; whether one must be stopped."""
        if self.warden is None:
            return False
        told = Counter[str]()
        for raw in calls_in(value):
            call = self._call(raw)
            if call is not None:
                told[call.digest] += 1
                if told[call.digest] > self._seen[call.digest]:
                    self._judge(call)
        return self.stopped

    def event(self, data: str) -> bool:
        """Judge the calls that an event of a stream completes; whether one must be stopped."""
        if self.warden is None:
            return False
        if data == "[DONE]":
            self._finish(lambda _: True)
            return self.stopped
        try:
            body = read_object(data.encode("utf-8", "replace"))
        except InputError:  # the rewriter says so
            return False
        self._grow(body)
        return self.whole(_without_beginnings(body))

    @property
    def stopped(self) -> bool:
        """Whether the answer must not go on."""
        return self.enforced and bool(self.objections)

    def added_to(self, verdict: Verdict) -> Verdict:
        """A verdict with what was found here."""
        if not self.objections:
            return verdict
        action = Action.BLOCK if self.enforced else Action.FLAG
        return replace(
            verdict,
            action=hardest((verdict.action, action)),
            would=Action.BLOCK,
            score=1.0,
            detections=(*verdict.detections, *map(_detection, self.objections)),
        )

    def _call(self, raw: Raw) -> Call | None:
        """A call, or an objection to one whose arguments two readers may read as two things."""
        tool, given = raw
        try:
            text = str(given or "{}").encode("utf-8", "replace")
            return Call(tool, given if isinstance(given, dict) else read_object(text))
        except InputError:
            self.objections.append(Objection("tool.argument", tool, "arguments cannot be read"))
            return None

    def _judge(self, call: Call) -> None:
        self._seen[call.digest] += 1
        if self.warden is not None:
            self.objections += self.warden.judge(call, self.before, self.now, self.tokens)
            self.before.append(call)

    def _grow(self, body: dict[str, Any]) -> None:
        """Add what an event brings of calls; judge those that it ends."""
        for choice in _dicts(body.get("choices")):
            delta = choice.get("delta")
            delta = delta if isinstance(delta, dict) else {}
            for call in _dicts(delta.get("tool_calls")):
                self._add(("chat", choice.get("index"), call.get("index")), call.get("function"))
                self._add(("chat", choice.get("index"), call.get("index")), call.get("custom"))
            self._add(("chat", choice.get("index"), None), delta.get("function_call"))
            if choice.get("finish_reason"):
                at = choice.get("index")
                self._finish(partial(_is_at, at))
        kind, index = body.get("type"), body.get("index")
        block, delta = body.get("content_block"), body.get("delta")
        if kind == "content_block_start" and isinstance(block, dict):
            if str(block.get("type")).endswith("tool_use"):
                self._add(("messages", index), {"name": block.get("name")})
        elif kind == "content_block_delta" and isinstance(delta, dict):
            if "partial_json" in delta:
                self._add(("messages", index), {"arguments": delta["partial_json"]})
        elif kind == "content_block_stop":
            self._finish(lambda key: key == ("messages", index))
        elif kind in ("message_delta", "message_stop"):
            self._finish(lambda _: True)
        self._grow_response(str(kind), body)

    def _grow_response(self, kind: str, body: dict[str, Any]) -> None:
        """Events of OpenAI Responses: the name stands where an item begins."""
        key, item = ("responses", body.get("output_index")), body.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict):
            self._add(key, {"name": item.get("name")} if item.get("name") else None)
        elif kind.endswith(("arguments.done", "custom_tool_call_input.done")):
            said = body.get("arguments", body.get("input"))
            self._parts[key, "arguments"] = [said if isinstance(said, str) else ""]
            self._finish(lambda one: one == key)

    def _add(self, key: _Place, piece: Any) -> None:
        if not isinstance(piece, dict):
            return
        for name in ("name", "arguments", "input"):
            if isinstance(piece.get(name), str):
                target = "name" if name == "name" else "arguments"
                self._parts.setdefault((key, target), []).append(piece[name])

    def _finish(self, which: Callable[[_Place], bool]) -> None:
        for key in [key for key, target in self._parts if target == "name" and which(key)]:
            name = "".join(self._parts.pop((key, "name")))
            call = self._call((name, "".join(self._parts.pop((key, "arguments"), []))))
            if call is not None:
                self._judge(call)


def _is_at(number: Any, place: _Place) -> bool:
    return bool(place[1] == number)


def _without_beginnings(body: dict[str, Any]) -> Any:
    """Nothing where an event only begins a call, whose arguments are empty so far."""
    block = body.get("content_block", body.get("item"))
    begins = body.get("type") in ("content_block_start", "response.output_item.added")
    if begins and isinstance(block, dict) and not (block.get("input") or block.get("arguments")):
        return None
    return body


def calls_in(value: Any) -> Iterator[Raw]:
    """Every call that stands whole in an answer, of whichever of the formats."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        if not isinstance(one, dict):
            continue
        kind, name = str(one.get("type")), one.get("name")
        if isinstance(name, str) and kind in ("function_call", "custom_tool_call"):
            yield name, _arguments(one)
        elif isinstance(name, str) and kind.endswith("tool_use"):
            yield name, one.get("input")
        elif isinstance(one.get("message"), dict):
            message = one["message"]
            for call in _dicts(message.get("tool_calls")):
                for inner in _dicts([call.get("function"), call.get("custom")]):
                    yield str(inner.get("name")), _arguments(inner)
            if isinstance(message.get("function_call"), dict):
                inner = message["function_call"]
                yield str(inner.get("name")), _arguments(inner)
        stack.extend(inner for inner in one.values() if isinstance(inner, dict | list))


def _arguments(call: dict[str, Any]) -> Any:
    """What a call is given; the free text of a custom tool as its one argument `input`."""
    if "arguments" in call:
        return call["arguments"]
    return {"input": call.get("input")}


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))


def _detection(objection: Objection) -> Detection:
    return Detection("tools@1", objection.kind, 1.0, (0, 0), (), {"what": str(objection)})
