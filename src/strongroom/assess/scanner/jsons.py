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
    todo: list[Iterator[tuple[str, Any]]] = [iter([("", value)])]
    while todo:
        found = next(todo[-1], None)
        if found is None:
            todo.pop()
            continue
        path, item = found
        if isinstance(item, dict):
            yield path, item
            todo.append(_children(path, item))
        elif isinstance(item, list):
            todo.append(_items(path, item))


def _children(path: str, node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, child in node.items():
        if isinstance(child, dict | list):
            yield f"{path}.{key}"[:300], child


def _items(path: str, node: list[Any]) -> Iterator[tuple[str, Any]]:
    for index, child in enumerate(node):
        if isinstance(child, dict | list):
            yield f"{path}[{index}]"[:300], child
