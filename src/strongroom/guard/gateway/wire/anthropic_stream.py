"""Anthropic messages as they stream: blocks that start, grow and stop."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from strongroom.guard.gateway.body import write_json
from strongroom.guard.gateway.parts import Form, answer_parts
from strongroom.guard.gateway.refusals import Family
from strongroom.guard.gateway.sse import ServerEvent, write_event
from strongroom.guard.gateway.wire.mould import Sole
from strongroom.guard.gateway.wire.rewriter import Rewriter

_KINDS: Final = {"text": "text_delta", "thinking": "thinking_delta"}
_GROWING: Final = frozenset(_KINDS)


class AnthropicRewriter(Rewriter):
    """See the module."""

    family = Family.ANTHROPIC

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: list[int] = []
        self._started = False

    def sole(self, body: dict[str, Any]) -> Sole | None:
        """The text that a block grows by."""
        delta: dict[str, Any] = body.get("delta") or {}
        parts = list(answer_parts(body))
        if body.get("type") != "content_block_delta" or len(parts) != 1 or "signature" in delta:
            return None
        part = parts[0]
        if part.holder is not delta or delta.get("type") not in _KINDS.values():
            return None
        return Sole(delta, part.key, (body.get("index", 0), str(part.key), False))

    def rewritten(self, event: ServerEvent, body: dict[str, Any]) -> bytes:
        """An event with what may leave of it; none if nothing is left in it."""
        kind = body.get("type")
        if kind == "content_block_delta":
            return self._delta(event, body)
        before = b""
        if kind == "content_block_start":
            changed = self._start(body)
        else:
            changed = self.channels.whole(answer_parts(body, frozenset(("usage",))))
        if kind == "message_start":
            self._started = True
            self.count((body.get("message") or {}).get("usage"))
        elif kind == "content_block_stop":
            before = self._rest(body.get("index"))
            self._open = [index for index in self._open if index != body.get("index")]
        elif kind == "message_delta":
            self.count(body.get("usage"))
            before = self._rest(None)
        elif kind in ("message_stop", "error"):
            self.done = True
        return before + (_written(body) if changed else event.to_bytes())

    def stop(self) -> bytes:
        """Open blocks stop, and the message with `refusal`."""
        out = b""
        if not self._started:
            message: dict[str, Any] = {
                "id": self.decision, "type": "message", "role": "assistant", "model": "",
                "content": [], "stop_reason": None, "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            }  # fmt: skip
            out = _written({"type": "message_start", "message": message})
        for index in self._open:
            out += _written({"type": "content_block_stop", "index": index})
        end = {
            "type": "message_delta",
            "delta": {"stop_reason": "refusal", "stop_sequence": None},
            "usage": {"output_tokens": self.usage.get("output", 0)},
        }
        return out + _written(end) + _written({"type": "message_stop"})

    def _start(self, body: dict[str, Any]) -> bool:
        index = body.get("index", 0)
        self._open.append(index)
        block = body.get("content_block") or {}
        changed = self.channels.whole(answer_parts(block, _GROWING))
        for name in _GROWING & block.keys():
            if isinstance(block[name], str) and block[name]:
                text = block[name]
                block[name] = self.channels.feed((index, name, False), text)
                changed |= block[name] != text
        return changed

    def _delta(self, event: ServerEvent, body: dict[str, Any]) -> bytes:
        index, delta = body.get("index", 0), body.get("delta") or {}
        if delta.get("type") == "citations_delta":
            changed = self.channels.whole(answer_parts(delta))
            return _written(body) if changed else event.to_bytes()
        before = b""
        if "signature" in delta:  # the thinking is over; it signs what the model thought, no less
            before = self._rest(index)
            if self.channels.changed((index, "thinking", False)):
                return before
        changed, said = False, "signature" in delta
        for part in answer_parts(delta):
            text, is_json = part.text, part.form is Form.JSON_TEXT
            add = self.channels.arguments if is_json else self.channels.feed
            left = add((index, str(part.key), is_json), text)
            said |= bool(left)
            if left != text:
                part.put(left)
                changed = True
        if not changed:
            return before + event.to_bytes()
        return before + (_written(body) if said else b"")

    def _rest(self, index: int | None) -> bytes:
        """What was held of a block, or of all, as deltas of its own."""

        def mine(key: Hashable) -> bool:
            return index is None or (isinstance(key, tuple) and key[0] == index)

        out = b""
        for key, rest in self.channels.finish(mine):
            block, name, is_json = key
            kind = "input_json_delta" if is_json else _KINDS.get(name, f"{name}_delta")
            delta = {"type": kind, name: rest}
            out += _written({"type": "content_block_delta", "index": block, "delta": delta})
        return out


def _written(body: dict[str, Any]) -> bytes:
    return write_event(write_json(body), body["type"])
