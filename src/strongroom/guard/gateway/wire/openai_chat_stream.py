"""OpenAI chat completions as they stream: chunks, `[DONE]`."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, TypeAlias

from strongroom.guard.gateway.body import write_json
from strongroom.guard.gateway.parts import Form, answer_parts
from strongroom.guard.gateway.refusals import Family
from strongroom.guard.gateway.sse import ServerEvent, write_event
from strongroom.guard.gateway.wire.mould import Sole
from strongroom.guard.gateway.wire.rewriter import Rewriter

_Place: TypeAlias = tuple[int, int | None, str, bool]
"""Choice, number of the tool call if it is one, field, and whether it is arguments."""
_DONE: Final = "[DONE]"
_CALLS: Final = frozenset(("tool_calls",))
_CHOICES: Final = frozenset(("choices", "usage"))
_DELTA: Final = frozenset(("delta",))


class ChatRewriter(Rewriter):
    """See the module."""

    family = Family.OPENAI

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._head: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": 0}
        self._choices: set[int] = set()

    def event(self, event: ServerEvent) -> bytes:
        """What leaves for one chunk."""
        if event.data == _DONE:
            self.done = True
            return self._rest(None) + event.to_bytes()
        return super().event(event)

    def sole(self, body: dict[str, Any]) -> Sole | None:
        """The text of the only choice, which neither ends nor begins."""
        choices = body.get("choices") or []
        parts = list(answer_parts(body))
        if len(choices) != 1 or len(parts) != 1 or body.get("usage"):
            return None
        choice, part = choices[0], parts[0]
        delta = choice.get("delta")
        ends = choice.get("finish_reason") or choice.get("logprobs") or "role" in (delta or ())
        if ends or part.holder is not delta or part.form is not Form.TEXT:
            return None
        return Sole(part.holder, part.key, (choice.get("index", 0), None, str(part.key), False))

    def rewritten(self, event: ServerEvent, body: dict[str, Any]) -> bytes:
        """A chunk with what may leave of its deltas; none if nothing is left in it."""
        self._head = {k: v for k, v in body.items() if k not in ("choices", "usage")}
        self.count(body.get("usage"))
        changed = self.channels.whole(answer_parts(body, _CHOICES))
        kept = bool(body.get("usage")) or not body.get("choices")
        before = b""
        for choice in body.get("choices") or ():
            touched, said = self._choice(choice)
            changed |= touched
            kept |= said
            if choice.get("finish_reason"):
                before += self._rest(choice.get("index", 0))
        if not changed:
            return before + event.to_bytes()
        return before + (write_event(write_json(body)) if kept else b"")

    def stop(self) -> bytes:
        """`content_filter` for every choice, and `[DONE]`."""
        choices = [
            {"index": index, "delta": {}, "finish_reason": "content_filter"}
            for index in sorted(self._choices or {0})
        ]
        return write_event(write_json({**self._head, "choices": choices})) + write_event(_DONE)

    def _choice(self, choice: dict[str, Any]) -> tuple[bool, bool]:
        """Whether a choice was changed, and whether it still says something."""
        index = choice.get("index", 0)
        self._choices.add(index)
        delta = choice.get("delta") or {}
        said = bool(choice.get("finish_reason")) or "role" in delta
        changed = self.channels.whole(answer_parts(choice, _DELTA | {"finish_reason"}))
        places: list[tuple[dict[str, Any], int | None]] = [(delta, None)]
        for call in delta.get("tool_calls") or ():
            places.append((call, call.get("index", 0)))
            said |= bool(call.get("id"))
        for holder, number in places:
            for part in answer_parts(holder, _CALLS if number is None else frozenset()):
                text, is_json = part.text, part.form is Form.JSON_TEXT
                place: _Place = (index, number, str(part.key), is_json)
                add = self.channels.arguments if is_json else self.channels.feed
                left = add(place, text)
                said |= bool(left)
                if left != text:
                    part.put(left)
                    changed = True
        if changed and "logprobs" in choice:
            choice["logprobs"] = None  # they spell out what was held
        return changed, said

    def _rest(self, index: int | None) -> bytes:
        """What was held of a choice, or of all, as chunks of its own."""

        def mine(key: Hashable) -> bool:
            return index is None or (isinstance(key, tuple) and key[0] == index)

        out = b""
        for key, rest in self.channels.finish(mine):
            choice, number, name, is_json = key
            delta: dict[str, Any] = {name: rest}
            if number is not None:
                inner = {"function": {name: rest}} if is_json or name == "name" else {name: rest}
                delta = {"tool_calls": [{"index": number, **inner}]}
            elif is_json:
                delta = {"function_call": {name: rest}}
            chunk = {"index": choice, "delta": delta, "finish_reason": None}
            out += write_event(write_json({**self._head, "choices": [chunk]}))
        return out
