"""YAML read strictly: a tree of plain values in which every field knows its line.

A subset on purpose: one document, no anchors, no tags, no key twice, scalars by the core schema
of YAML 1.2 (so `NO` is Norway and `1e-3` a number). What was written is what is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from strongroom.governance.problems import Path, Problem

MAX_BYTES: Final = 512 * 1024
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 50_000
MAX_INT: Final = 2**53 - 1
"""Beyond this JSON readers disagree about integers (RFC 8785)."""

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+\Z")
_NOT_FINITE: Final = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Only its parser is used, never its constructor: no object is ever built from a tag."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a YAML document says, and where."""

    value: Any
    """None, bool, int, float, str, list or dict of these; None if it could not be read."""
    lines: Mapping[Path, int]
    """The line (from 1) of each field."""
    problems: tuple[Problem, ...]
    """Why it must not be used; empty if it may."""


def read_yaml(data: bytes) -> Tree:
    """Read one document of untrusted bytes. Never raises for what the bytes say."""
    builder = _Builder()
    try:
        builder.build(yaml.parse(_text(data), Loader=_LOADER))
    except _Refused as refused:
        return Tree(None, builder.lines, (*builder.problems, refused.problem))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = Problem(
            (),
            f"not YAML: {error.problem or error.context or 'cannot be read'}",
            "check indentation, colons and quotes near this line",
            mark.line + 1 if mark else None,
        )
        return Tree(None, builder.lines, (*builder.problems, problem))
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        return Tree(None, builder.lines, (Problem((), f"not YAML: {reason}"),))
    return Tree(builder.root, builder.lines, tuple(builder.problems))


class _Refused(Exception):
    """Reading on would make no sense, or no end."""

    def __init__(
        self, what: str, fix: str | None = None, *, at: Path = (), line: int | None = None
    ):
        super().__init__(what)
        self.problem = Problem(at, what, fix, line)


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(f"{len(data)} bytes, {MAX_BYTES} allowed")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Refused(f"not UTF-8 at byte {error.start}", "save it as UTF-8", line=line) from error


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen yet."""

    value: Any
    path: Path
    key: str | None = None
    """In a mapping: the key whose value comes next."""


@dataclass(slots=True)
class _Builder:
    """Turns parser events into values; holds its own stack, so depth costs no recursion."""

    root: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)

    def build(self, events: Iterable[Any]) -> None:
        documents = values = 0
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused("more than one document", "keep one, without ---", line=line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                values += 1
                if values > MAX_VALUES:
                    raise _Refused(f"more than {MAX_VALUES} values", line=line)
                self._refuse_sharing(event, line)
                self._take(event, line)

    def _refuse_sharing(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            raise _Refused(
                "anchors (&name) and aliases (*name) are not read here",
                "write the value out; quote text that begins with & or *",
                at=self._here(),
                line=line,
            )
        if event.tag is not None:
            raise _Refused(
                f"tags are not read here: {event.tag[:80]}",
                "remove it; quote text that begins with !",
                at=self._here(),
                line=line,
            )

    def _take(self, event: Any, line: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._take_key(top, event, line)
            return
        path = self._here()
        if top is None or isinstance(top.value, list):
            self.lines[path] = line
        value = self._value(event, path, line)
        if top is None:
            self.root = value
        elif isinstance(top.value, list):
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None

    def _take_key(self, top: _Open, event: Any, line: int) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise _Refused("a key must be plain text", at=top.path, line=line)
        path = (*top.path, event.value)
        if event.value in top.value:
            first = self.lines[path]
            what = f"stands twice in one mapping, first in line {first}"
            self.problems.append(Problem(path, what, "keep one of them", line))
        self.lines.setdefault(path, line)
        top.key = event.value

    def _value(self, event: Any, path: Path, line: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, line)
        if len(self.stack) >= MAX_DEPTH:
            raise _Refused(f"nested deeper than {MAX_DEPTH}", at=path, line=line)
        made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Open(made, path))
        return made

    def _scalar(self, event: Any, path: Path, line: int) -> Any:
        text = event.value
        if not event.implicit[0]:
            return text
        try:
            value = plain_scalar(text)
        except ValueError as error:
            self.problems.append(Problem(path, str(error), "quote it if it is text", line))
            return text
        return value

    def _here(self) -> Path:
        if not self.stack:
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return (*top.path, top.key) if top.key is not None else top.path


def plain_scalar(text: str) -> bool | int | float | str | None:
    """An unquoted scalar by the YAML 1.2 core schema. Raises ValueError for unusable numbers."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _NOT_FINITE.match(text):
        raise ValueError(f"{text} is not a finite number")
    if _LEADING_ZERO.match(text):
        raise ValueError(f"{text[:40]} is a number with leading zeros")
    if _INT.match(text):
        if len(text) > 17 or abs(int(text)) > MAX_INT:
            raise ValueError("an integer beyond ±(2⁵³ - 1)")
        return int(text)
    if _FLOAT.match(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError("a number too large to hold")
        return value
    return text
