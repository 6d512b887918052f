"""The machine contract of `guard check`: one JSON line in, one JSON line out, in the same order.

    {"id": …, "text": …, "source": "user|context|tool_result|output|system"}
    {"id": …, "messages": [{"role": "user", "content": "…"}, …]}

Fields that are not named here are not read: nothing in a line can change the policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.records import Action, Detection, Grounds, Judgement, Source, hardest

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of one line."""
MAX_MESSAGES: Final = 1_000
ROLES: Final = {
    "system": Source.SYSTEM,
    "developer": Source.SYSTEM,
    "user": Source.USER,
    "assistant": Source.OUTPUT,
    "model": Source.OUTPUT,
    "tool": Source.TOOL_RESULT,
    "function": Source.TOOL_RESULT,
    "context": Source.CONTEXT,
    **{source.value: source for source in Source},
}
"""Whose words the roles of chat formats stand for."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line: a text, or a conversation in its order."""

    id: Any
    texts: tuple[tuple[Source, str], ...]
    conversation: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one line."""

    action: Action
    document: Mapping[str, Any]
    """As it is printed."""
    failed: bool = False
    """It could not be judged: a broken line, or a detector that failed."""


def read_item(line: bytes) -> Item:
    """One line. Raises InputError, whose `where` is the field."""
    if len(line) > MAX_LINE:
        raise LimitError(f"{len(line)} bytes, {MAX_LINE} allowed", where="line")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {str(error)[:200]}", where="line") from error
    if not isinstance(value, dict):
        raise InputError("expected an object", where="line")
    has_text, has_messages = "text" in value, "messages" in value
    if has_text == has_messages:
        raise InputError("needs either `text` or `messages`", where="line")
    if has_messages:
        return Item(value.get("id"), _messages(value["messages"]), conversation=True)
    if not isinstance(value["text"], str):
        raise InputError("is no text", where="text")
    return Item(value.get("id"), ((_source(value.get("source", "user"), "source"), value["text"]),))


def id_of(line: bytes) -> Any:
    """The id of a line that may be broken, as far as it can be told."""
    try:
        value = json.loads(line[:MAX_LINE])
    except (ValueError, RecursionError):
        return None
    return value.get("id") if isinstance(value, dict) else None


def check(item: Item, guard: Guard) -> Verdict:
    """Judge one line; a conversation message by message, each held against those before it."""
    file = guard.policy.file
    judged: list[Judgement] = []
    said: list[str] = []
    for source, text in item.texts:
        prompt = "\n".join(t for s, t in item.texts if s is Source.SYSTEM)
        seen = tuple(said) if item.conversation else None
        grounds = Grounds(file.canaries, prompt, seen, file.hosts, file.labels, file.topic_words)
        judgement = guard.judge(Question(text, source, grounds))
        if source is Source.OUTPUT and file.output is not None:
            judgement = _held_to_schema(judgement, guard)
        judged.append(judgement)
        said.append(text)
    return _verdict(item, judged)


def _held_to_schema(judgement: Judgement, guard: Guard) -> Judgement:
    """A judgement of an output, with what the policy's schema says of what may go on."""
    # Needs a library of the gateway extra; policies without a schema do without.
    from strongroom.guard.structured import structured  # noqa: PLC0415

    policy = guard.policy
    must = structured(policy.file.output)
    if must is None or judgement.action is Action.BLOCK:
        return judgement
    found = must.judge([judgement.text])
    action = hardest((judgement.action, *(policy.action_on(d, Source.OUTPUT) for d in found)))
    if not policy.enforce:
        action = min(action, Action.FLAG, key=lambda a: a.rank)
    return replace(
        judgement,
        action=action,
        score=max((judgement.score, *(d.score for d in found))),
        detections=(*judgement.detections, *found),
        text="" if action is Action.BLOCK else judgement.text,
    )


def refused(number: int, line: bytes, error: InputError) -> Verdict:
    """A line that cannot be read is blocked, and says why."""
    document = {
        "id": id_of(line),
        "action": Action.BLOCK.value,
        "score": 0.0,
        "detections": [],
        "text": "",
        "micros": 0,
        "error": f"line {number}: {error}",
    }
    return Verdict(Action.BLOCK, document, failed=True)


def check_lines(lines: Iterator[bytes], guard: Guard) -> Iterator[Verdict]:
    """A verdict for every line that is not blank."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = read_item(line)
        except InputError as error:
            yield refused(number, line, error)
        else:
            yield check(item, guard)


def _verdict(item: Item, judged: Sequence[Judgement]) -> Verdict:
    failures = [failure for j in judged for failure in j.failures]
    action = hardest(j.action for j in judged)
    blocked = action is Action.BLOCK
    document: dict[str, Any] = {
        "id": item.id,
        "action": action.value,
        "score": max(j.score for j in judged),
        "detections": [
            _detection(d) | ({"message": place} if item.conversation else {})
            for place, j in enumerate(judged)
            for d in j.detections
        ],
        "text": "" if blocked else judged[-1].text,
        "micros": sum(j.micros for j in judged),
    }
    if item.conversation:
        document["messages"] = [] if blocked else [j.text for j in judged]
    if failures:
        document["failures"] = sorted(set(failures))
    return Verdict(action, document, failed=bool(failures))


def _detection(detection: Detection) -> dict[str, Any]:
    return {
        "detector": detection.detector,
        "kind": detection.kind,
        "score": detection.score,
        "span": list(detection.span),
        "decoded": list(detection.decoded),
        **({"facts": dict(detection.facts)} if detection.facts else {}),
    }


def _messages(value: Any) -> tuple[tuple[Source, str], ...]:
    if not isinstance(value, list) or not value:
        raise InputError("expected a list of messages that is not empty", where="messages")
    if len(value) > MAX_MESSAGES:
        raise LimitError(f"{len(value)} messages, {MAX_MESSAGES} allowed", where="messages")
    return tuple(_message(one, f"messages[{place}]") for place, one in enumerate(value))


def _message(value: Any, where: str) -> tuple[Source, str]:
    if not isinstance(value, dict):
        raise InputError("expected an object", where=where)
    source = _source(value.get("source", value.get("role")), f"{where}.role")
    return source, _content(value.get("content", value.get("text")), f"{where}.content")


def _content(value: Any, where: str) -> str:
    """Text, or the texts of its parts as chat formats have them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_content(part, f"{where}[{place}]") for place, part in enumerate(value))
    if isinstance(value, dict):
        return _content(value.get("text", value.get("content")), where)
    raise InputError("is no text", where=where)


def _source(value: Any, where: str) -> Source:
    source = ROLES.get(value) if isinstance(value, str) else None
    if source is None:
        known = ", ".join(sorted(ROLES))
        raise InputError(f"{str(value)[:40]!r} is nobody", where=where, fix=f"one of {known}")
    return source
