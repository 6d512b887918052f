"""The form that most events of a stream share: all but one text is the same, letter by letter.

Reading each of them as JSON would tell the same every time. A mould is made from an event that was
read in full and holds one text only; an event fits if all around that text is what it was, and the
text is one string of JSON. So what is not read again cannot say anything new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from strongroom.guard.gateway.body import read_object
from strongroom.guard.gateway.parts import Holder
from strongroom.guard.gateway.sse import ServerEvent

_STRING: Final = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+"'
_LITERAL: Final = re.compile(_STRING)
_PLAIN: Final = re.compile(r'"[^"\\\x00-\x1f]*+"')
_PROBE: Final = "\x00probe"


@dataclass(frozen=True, slots=True)
class Sole:
    """The only text of an event."""

    holder: Holder
    key: str
    place: Hashable
    """The channel that it belongs to."""


@dataclass(frozen=True, slots=True)
class Mould:
    """See the module."""

    name: str
    head: str
    """All before the text's first quote."""
    tail: str
    place: Hashable
    _before: bytes
    _after: bytes

    def text_in(self, event: ServerEvent) -> str | None:
        """The text of an event that fits; None for one that must be read in full."""
        data, head, tail = event.data, self.head, self.tail
        if not (data.startswith(head) and data.endswith(tail) and event.name == self.name):
            return None
        literal = data[len(head) : len(data) - len(tail)]
        if _PLAIN.fullmatch(literal):
            return literal[1:-1]
        if not _LITERAL.fullmatch(literal):
            return None
        text: str = json.loads(literal)
        return text

    def filled(self, text: str) -> bytes:
        """The event with another text."""
        return self._before + encode_basestring_ascii(text).encode() + self._after


def mould_of(event: ServerEvent, body: dict[str, Any], sole: Sole) -> Mould | None:
    """The mould of an event; None where its text cannot be told from the rest for sure."""
    key = re.escape(json.dumps(sole.key))
    found = re.findall(rf"{key}\s*:\s*{_STRING}", event.data)
    if len(found) != 1 or "\n" in event.data:
        return None
    literal = found[0][len(json.dumps(sole.key)) :].lstrip(" \t\r:")
    at = event.data.index(found[0]) + len(found[0])
    head, tail = event.data[: at - len(literal)], event.data[at:]
    if not _fits(head, tail, body, sole):
        return None
    named = f"event: {event.name}\n" if event.name else ""
    before = f"{named}data: {head}".encode("utf-8", "replace")
    return Mould(event.name, head, tail, sole.place, before, tail.encode() + b"\n\n")


def _fits(head: str, tail: str, body: dict[str, Any], sole: Sole) -> bool:
    """Whether another text between head and tail changes this text, and nothing else."""
    holder: Any = sole.holder
    was, holder[sole.key] = holder[sole.key], _PROBE
    try:
        probed = (head + json.dumps(_PROBE) + tail).encode("utf-8", "replace")
        return read_object(probed) == body
    finally:
        holder[sole.key] = was
