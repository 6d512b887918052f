"""OpenAI Responses as they stream: numbered events; texts come as deltas, and whole once more."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from strongroom.guard.gateway.body import write_json
from strongroom.guard.gateway.parts import answer_parts
from strongroom.guard.gateway.refusals import Family, Refusal
from strongroom.guard.gateway.sse import ServerEvent, write_event
from strongroom.guard.gateway.wire.openai_responses import ECHOED
from strongroom.guard.gateway.wire.rewriter import Rewriter

_LAST: Final = frozenset(("response.completed", "response.incomplete", "response.failed", "error"))
_PLACE: Final = ("output_index", "content_index", "summary_index", "item_id")
_TEXT: Final = frozenset(("response.output_text", "response.refusal"))
_DELTA: Final = ".delta"
_NUMBERED: Final = "sequence_number"


class ResponsesRewriter(Rewriter):
    """See the module."""

    family = Family.OPENAI

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sent = 0
        """Events that left: the number of the next."""
        self._response: dict[str, Any] = {"object": "response", "output": []}
        self._heads: dict[Hashable, dict[str, Any]] = {}
        """The last delta of each text, for those that are made here."""

    def rewritten(self, event: ServerEvent, body: dict[str, Any]) -> bytes:
        """An event with what may leave of it; none if nothing is left in it."""
        kind = str(body.get("type", ""))
        if kind.endswith(_DELTA) and isinstance(body.get("delta"), str):
            return self._delta(event, body, kind.removesuffix(_DELTA))
        before = b""
        if kind.endswith(".done") or kind in _LAST:
            before = self._rest(body, kind)
        response = body.get("response")
        if isinstance(response, dict):
            self._response = {**response, "output": []}
            self.count(response.get("usage"))
            changed = self.channels.whole(answer_parts(response, ECHOED))
            changed |= self.channels.whole(answer_parts(body, frozenset(("response",))))
        else:
            changed = self.channels.whole(answer_parts(body))
        if kind in _LAST:
            self.done = True
        if changed:
            _unspell(body)
        return before + self._out(event, body, changed=changed)

    def stop(self) -> bytes:
        """`response.incomplete`, for its content filter."""
        response = {
            **self._response,
            "status": "incomplete",
            "incomplete_details": {"reason": "content_filter"},
        }
        return self._written({"type": "response.incomplete", "response": response})

    def broken(self, refusal: Refusal) -> bytes:
        """An `error` event."""
        body = {"type": "error", "code": refusal.code, "message": refusal.message, "param": None}
        return self._written(body)

    def _delta(self, event: ServerEvent, body: dict[str, Any], base: str) -> bytes:
        text = body["delta"]
        key = (base, *(body.get(name) for name in _PLACE))
        self._heads[key] = {k: v for k, v in body.items() if k not in ("obfuscation", "logprobs")}
        add = self.channels.arguments if "arguments" in base else self.channels.feed
        left = add(key, text)
        if left == text:
            return self._out(event, body, changed=False)
        body["delta"] = left
        _unspell(body)
        return self._out(event, body, changed=True) if left else b""

    def _rest(self, body: dict[str, Any], kind: str) -> bytes:
        """What was held of the text that is done, or of all that the event contains."""
        base = kind.removesuffix(".done")

        def mine(key: Hashable) -> bool:
            if kind in _LAST or not isinstance(key, tuple):
                return True
            same = key[1] == body.get("output_index")
            return same and (key[0] == base or base.endswith(("output_item", "content_part")))

        out = b""
        for key, rest in self.channels.finish(mine):
            head = {**self._heads[key], "delta": rest}
            if isinstance(key, tuple) and key[0] in _TEXT and "logprobs" in body:
                head["logprobs"] = []
            out += self._written(head)
        return out

    def _out(self, event: ServerEvent, body: dict[str, Any], *, changed: bool) -> bytes:
        if changed or body.get(_NUMBERED, self._sent) != self._sent:
            return self._written(body)
        self._sent += 1
        return event.to_bytes()

    def _written(self, body: dict[str, Any]) -> bytes:
        numbered = {**body, _NUMBERED: self._sent}
        self._sent += 1
        return write_event(write_json(numbered), str(body["type"]))


def _unspell(value: Any) -> None:
    """Empty every list of log probabilities: they spell out the text."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if one.get("logprobs"):
                one["logprobs"] = []
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
