"""JSON from strangers: UTF-8, no key twice, no NaN, so deep and not deeper."""

from __future__ import annotations

import json
from typing import Any, Final

from strongroom.domain.errors import InputError, LimitError

MAX_DEPTH: Final = 64


def read_json(data: bytes, depth: int = MAX_DEPTH) -> Any:
    """A value. Raises InputError or LimitError, which quote nothing of it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 at byte {error.start}") from error
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_constant)
    except RecursionError as error:
        raise LimitError(f"is nested deeper than {depth}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"is not JSON: {error.msg}", where=where) from error
    except ValueError as error:  # a number of thousands of digits
        raise InputError("holds a number that is too long") from error
    if _deeper(value, depth):
        raise LimitError(f"is nested deeper than {depth}")
    return value


def read_object(data: bytes, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """An object, and nothing else."""
    value = read_json(data, depth)
    if not isinstance(value, dict):
        raise InputError("is no JSON object")
    return value


def write_json(value: Any) -> bytes:
    """Compact, in ASCII: half a surrogate pair survives."""
    return json.dumps(value, separators=(",", ":")).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise InputError("holds a key twice, so two readers may read two things")
    return made


def _constant(name: str) -> None:
    raise InputError(f"{name} is no JSON")


def _deeper(value: Any, depth: int) -> bool:
    """Whether containers nest deeper, without recursion."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(v for v in one.values() if isinstance(v, dict | list))
            elif isinstance(one, list):
                inner.extend(v for v in one if isinstance(v, dict | list))
        if not inner:
            return False
        level = inner
    return True
