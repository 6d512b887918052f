"""What stands in a request or an answer and is judged: each text, who said it, and its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from strongroom.domain.errors import InputError
from strongroom.guard.records import Source

Holder: TypeAlias = dict[str, Any] | list[Any]

OPAQUE: Final = frozenset(
    ("type", "role", "id", "object", "model", "finish_reason", "stop_reason", "status", "index",
     "tool_call_id", "call_id", "tool_use_id", "item_id", "response_id", "previous_response_id",
     "encrypted_content", "signature", "encrypted_index", "system_fingerprint", "service_tier",
     "media_type", "obfuscation", "b64_json", "logprobs", "top_logprobs", "bytes")
)  # fmt: skip
"""Fields of names and of what only the provider can read."""


class Form(StrEnum):
    """How a text stands in its place."""

    TEXT = "text"
    JSON_TEXT = "json_text"
    """A string that holds JSON: arguments of a tool call."""
    TREE = "tree"
    """A value of JSON, judged as it is written."""


class Unread(StrEnum):
    """Kinds of content that the guard cannot judge; the configuration says what becomes of them."""

    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    TOKENS = "tokens"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Part:
    """One text in its place."""

    source: Source
    holder: Holder
    key: Any
    form: Form = Form.TEXT

    @property
    def text(self) -> str:
        """What is judged."""
        value = self.holder[self.key]
        return value if self.form is not Form.TREE else as_text(value)

    def put(self, value: Any) -> None:
        """Write into the place."""
        self.holder[self.key] = value


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is judged of one request."""

    parts: tuple[Part, ...]
    unread: tuple[Unread, ...] = ()
    prompt: str = ""
    """The texts of the system."""


@dataclass(slots=True)
class Reader:
    """Collects parts."""

    parts: list[Part] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def text(self, source: Source, holder: Holder, key: Any, form: Form = Form.TEXT) -> None:
        """Add what stands in a place, if anything does; a string must be one."""
        value = holder.get(key) if isinstance(holder, dict) else holder[key]
        if value is None or value == "":
            return
        if form is not Form.TREE and not isinstance(value, str):
            raise InputError(f"expected text, found {type(value).__name__}", where=str(key))
        self.parts.append(Part(source, holder, key, form))

    def rest(self, source: Source, holder: dict[str, Any], known: frozenset[str]) -> None:
        """Add every field that is not known, whatever it is."""
        for key, value in holder.items():
            if key in known or key in OPAQUE or value is None or isinstance(value, bool | float):
                continue
            form = Form.TEXT if isinstance(value, str) else Form.TREE
            self.text(source, holder, key, form)

    def reading(self) -> Reading:
        """All of it."""
        prompt = "\n".join(p.text for p in self.parts if p.source is Source.SYSTEM)
        return Reading(tuple(self.parts), tuple(self.unread), prompt)


def as_text(value: Any) -> str:
    """A value of JSON as it is judged."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def answer_parts(value: Any, skip: frozenset[str] = frozenset()) -> Iterator[Part]:
    """Every text of an answer: all strings but those of opaque fields; arguments as JSON.

    `skip`: fields of `value` itself that are left out.
    """
    stack: list[Any] = [value]
    while stack:
        one = stack.pop()
        items: Sequence[tuple[Any, Any]] = (
            list(one.items()) if isinstance(one, dict) else list(enumerate(one))
        )
        for key, inner in items:
            if key in OPAQUE or (one is value and key in skip):
                continue
            if isinstance(inner, str):
                if inner:
                    form = Form.JSON_TEXT if key in ("arguments", "partial_json") else Form.TEXT
                    yield Part(Source.OUTPUT, one, key, form)
            elif key == "input" and inner:
                yield Part(Source.OUTPUT, one, key, Form.TREE)
            elif isinstance(inner, dict | list):
                stack.append(inner)


def leaves(holder: Holder) -> Iterator[tuple[Holder, Any, str]]:
    """Every string and whole number of a tree, in its place."""
    stack: list[Holder] = [holder]
    while stack:
        one = stack.pop()
        items: Sequence[tuple[Any, Any]] = (
            list(one.items()) if isinstance(one, dict) else list(enumerate(one))
        )
        for key, value in items:
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                yield one, key, str(value)
            elif isinstance(value, dict | list):
                stack.append(value)


def mapping(value: Any, where: str) -> dict[str, Any]:
    """An object, or an InputError that says where."""
    if not isinstance(value, dict):
        raise InputError("expected an object", where=where)
    return value


def listing(value: Any, where: str) -> list[Any]:
    """A list, or an InputError that says where."""
    if not isinstance(value, list):
        raise InputError("expected a list", where=where)
    return value
