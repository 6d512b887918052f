"""JSON from hostile files: bounded, and walked without recursion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.stream import Stream
from strongroom.domain.errors import LimitError

MAX_BYTES: Final = 8 * 2**20
"""Longest document that is parsed: empty lists take twenty times their text."""


class NotJson(Exception):
    """The text is not JSON."""


def read_json(stream: Stream, limit: int = MAX_BYTES) -> Any:
    """The rest of the stream as JSON. Raises NotJson, LimitError."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise LimitError(f"more than {limit} bytes of JSON")
    return parse(data)


def parse(data: bytes) -> Any:
    """JSON of bytes in memory. Raises NotJson."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise NotJson("nested too deeply") from error
    except ValueError as error:
        raise NotJson(str(error)) from error


def dicts(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the document with its path (`layers[3].config`), parents first."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        path, item = todo.pop()
        if isinstance(item, dict):
            yield path, item
            todo.extend((f"{path}.{key}"[:300], child) for key, child in reversed(item.items()))
        elif isinstance(item, list):
            todo.extend((f"{path}[{i}]"[:300], item[i]) for i in reversed(range(len(item))))
