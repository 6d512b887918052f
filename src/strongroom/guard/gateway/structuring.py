"""Schemas of outputs in the gateway: which a request asks for, and what an answer's outputs are.

A stream that must satisfy a schema is held to its end; the outputs are read from what would leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.gateway.body import read_object
from strongroom.guard.gateway.completions import completion, streamed
from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.gateway.proxy import Request
from strongroom.guard.gateway.refusals import blocked
from strongroom.guard.gateway.sse import EventReader
from strongroom.guard.gateway.verdicts import with_found
from strongroom.guard.gateway.workers import AT_ONCE, Workers
from strongroom.guard.policy import Policy
from strongroom.guard.records import Action, Detection, Source
from strongroom.guard.structured import DETECTOR, Structured, structured

OVERHEAD: Final = 400
"""Bytes of a stream for each character of an output, at most."""
ROUTES: Final = frozenset(("chat", "messages", "responses"))
_OBJECT: Final = {"type": "object"}


def wanted(policy: Policy, route: str, body: dict[str, Any] | None) -> Structured | None:
    """What the answer to a request must satisfy, if the policy wants anything."""
    if policy.file.output is None:
        return None
    return structured(policy.file.output, _asked(route, body or {}))


def _asked(route: str, body: dict[str, Any]) -> Any:
    """The schema that a request names, in the ways of the three formats."""
    if route == "chat":
        form = body.get("response_format")
    else:
        holder = body.get("text" if route == "responses" else "output_config")
        form = holder.get("format") if isinstance(holder, dict) else body.get("output_format")
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_object":
        return _OBJECT
    inner = form.get("json_schema")
    named = inner if isinstance(inner, dict) else form
    return named.get("schema") if form.get("type") == "json_schema" else None


def outputs_of(route: str, answer: Any) -> Iterator[str]:
    """Every output of a whole answer. One that only calls tools has none."""
    answer = answer if isinstance(answer, dict) else {}
    if route == "chat":
        for choice in _dicts(answer.get("choices")):
            message = choice.get("message")
            message = message if isinstance(message, dict) else {}
            if message.get("content") or not (message.get("tool_calls") or message.get("refusal")):
                yield _text(message.get("content"))
    elif route == "messages":
        yield from _blocks(answer.get("content"), "text", "tool_use")
    else:
        yield from _items(answer.get("output"))


def _items(output: Any) -> Iterator[str]:
    items = list(_dicts(output))
    for item in items:
        if item.get("type") == "message":
            yield from _blocks(item.get("content"), "output_text", "refusal")
    if not any(str(item.get("type")).endswith(("message", "_call")) for item in items):
        yield ""


def _blocks(content: Any, kind: str, instead: str) -> Iterator[str]:
    blocks = list(_dicts(content))
    texts = [_text(block.get("text")) for block in blocks if block.get("type") == kind]
    if texts or not any(block.get("type") == instead for block in blocks):
        yield from texts or [""]


def streamed_outputs(route: str, data: bytes) -> list[str]:
    """Every output of a stream, as a client puts it together. Raises InputError."""
    if route == "responses":
        return list(_responses(data))
    texts: dict[Any, list[str]] = {}
    tools = False
    for event in EventReader().feed(data):
        if event.data == "[DONE]":
            continue
        body = read_object(event.data.encode("utf-8", "replace"))
        for choice in _dicts(body.get("choices")):
            delta = choice.get("delta")
            delta = delta if isinstance(delta, dict) else {}
            tools |= bool(delta.get("tool_calls") or delta.get("refusal"))
            texts.setdefault(choice.get("index"), []).append(_text(delta.get("content")))
        block, delta = body.get("content_block"), body.get("delta")
        if isinstance(block, dict):
            tools |= str(block.get("type")).endswith("tool_use")
            if block.get("type") == "text":
                texts.setdefault(body.get("index"), []).append(_text(block.get("text")))
        elif isinstance(delta, dict) and delta.get("type") == "text_delta":
            texts.setdefault(body.get("index"), []).append(_text(delta.get("text")))
    whole = ["".join(parts) for parts in texts.values()]
    return [text for text in whole if text or not tools] if whole or tools else [""]


def _responses(data: bytes) -> Iterator[str]:
    """The deltas put together, and every text that an event repeats whole."""
    texts: dict[tuple[Any, Any], list[str]] = {}
    last: Any = None
    for event in EventReader().feed(data):
        body = read_object(event.data.encode("utf-8", "replace"))
        kind = body.get("type")
        place = (body.get("output_index"), body.get("content_index"))
        if kind == "response.output_text.delta":
            texts.setdefault(place, []).append(_text(body.get("delta")))
        elif kind == "response.output_text.done":
            yield _text(body.get("text"))
        elif kind == "response.output_item.done":
            yield from _items([body.get("item")])
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            last = body.get("response")
    yield from ("".join(parts) for parts in texts.values())
    yield from _items(last.get("output") if isinstance(last, dict) else None)


async def satisfied(
    verdict: Verdict, workers: Workers, request: Request, answer: Any, size: int
) -> Verdict:
    """A verdict on a whole answer with what its schemas say."""
    policy, route = request.caller.guard.policy, request.route.name
    must = wanted(policy, route, request.value)
    if must is None or route not in ROUTES:
        return verdict
    found = await _judged(workers, request, lambda: must.judge(outputs_of(route, answer)), size)
    return with_found(verdict, found, Source.OUTPUT, policy)


def held_of(request: Request) -> Held | None:
    """Keeps the stream that answers a request, if it must satisfy a schema."""
    must = wanted(request.caller.guard.policy, request.route.name, request.value)
    return Held(must, request) if must is not None else None


class Held:
    """A stream that must satisfy a schema: kept to its end where that is enforced, else copied."""

    def __init__(self, must: Structured, request: Request) -> None:
        self._must, self._request = must, request
        self._enforced = request.caller.guard.policy.enforce
        self._parts: list[bytes] = []
        self._size = 0
        self._complete = False
        self._found: tuple[Detection, ...] = ()

    def add(self, out: bytes) -> bytes:
        """Keep a part; what of it may leave now. Raises LimitError for a stream too long."""
        self._size += len(out)
        if self._size <= OVERHEAD * self._must.chars:
            self._parts.append(out)
        elif self._enforced:
            raise LimitError("is longer than an output that must satisfy a schema may be")
        return b"" if self._enforced else out

    async def judge(self, workers: Workers) -> None:
        """Judge it, now that it is over."""
        self._found = await _judged(workers, self._request, self._judge, self._size)
        self._complete = True

    def added_to(self, verdict: Verdict) -> Verdict:
        """A verdict with what was found here."""
        policy = self._request.caller.guard.policy
        return with_found(verdict, self._found, Source.OUTPUT, policy)

    def end(self, verdict: Verdict, end: bytes) -> bytes:
        """What is sent at last: all that was kept, or in its place why it was not."""
        if not self._enforced:
            return end
        if verdict.action is Action.BLOCK:
            call = self._request.call
            kinds = tuple(dict.fromkeys(d.kind for d in verdict.detections))
            message = blocked("output", kinds).message
            whole = completion(call.route, call.model, call.id, message)
            return streamed(call.route, whole) if whole else end
        return b"".join(self._parts) + end if self._complete else end

    def _judge(self) -> tuple[Detection, ...]:
        try:
            outputs = streamed_outputs(self._request.route.name, b"".join(self._parts))
        except InputError:
            outputs = [""]
        return self._must.judge(outputs)


async def _judged(
    workers: Workers, request: Request, work: Callable[[], tuple[Detection, ...]], size: int
) -> tuple[Detection, ...]:
    """Judge in a thread: the schema may be a stranger's. What takes too long satisfies nothing."""
    seconds = request.setup.file.limits.judge_seconds
    try:
        detectors = request.caller.guard.detectors
        return await workers.do(work, max(size, AT_ONCE + 1), detectors, seconds)
    except TimeoutError:
        return (Detection(DETECTOR, "schema.unusable", 1.0, (0, 0), (), {"what": "too slow"}),)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
