"""Canonical bytes: RFC 8785 (JSON Canonicalization Scheme), so that equal records hash equal."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import rfc8785

from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, LimitError

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_EXACT: Final = 2**53 - 1
"""Numbers beyond this read back as others in some readers (RFC 7493, section 2.2)."""
Json = Any
"""None, bool, int, float, str, list or dict of these."""


def plain(value: object) -> Json:
    """The JSON value of a record: fields become keys, times RFC 3339 in UTC, digests `alg:hex`."""
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value) or abs(value) > MAX_EXACT:
            raise InputError(
                f"{value} has no exact JSON form", fix="leave the field out, or scale its unit"
            )
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Digest):
        return str(value)
    if isinstance(value, datetime):
        return format_time(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        return sorted(items, key=canonical) if isinstance(value, set | frozenset) else items
    raise InputError(f"a {type(value).__name__} has no JSON form")


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of a record or JSON value. Raises InputError for what JSON cannot hold."""
    try:
        return rfc8785.dumps(plain(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:  # half a surrogate pair
        raise InputError(f"cannot be written as canonical JSON: {error}") from error


def digest_of(value: object) -> Digest:
    """SHA-256 of the canonical bytes."""
    return sha256(canonical(value))


def parse_json(data: bytes, *, where: str, limit: int = MAX_BYTES) -> Json:
    """Strict JSON from untrusted bytes: UTF-8, no duplicate keys, no NaN, limited size."""
    if len(data) > limit:
        raise LimitError(f"{len(data)} bytes of JSON, {limit} allowed", where=where)
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise LimitError("JSON nested too deeply", where=where) from error
    except ValueError as error:
        raise InputError(f"not JSON: {error}", where=where) from error
    _limit_depth(value, where)
    return value


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds only when there are some."""
    if at.tzinfo is None:
        raise InputError(f"{at.isoformat()} names no time zone", fix="use datetime.now(UTC)")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read RFC 3339 with a zone. Raises InputError."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise InputError(f"{text} names no time zone", fix="end it in Z")
        return at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"not an RFC 3339 time: {text!r}", fix="2026-11-22T10:00:00Z") from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("the same key stands twice in one object")
    return made


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _limit_depth(value: Json, where: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise LimitError(f"JSON nested deeper than {MAX_DEPTH}", where=where)
