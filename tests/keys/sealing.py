"""Ways of sealing and opening, and what the tests of sealed files have in common."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import pytest

from strongroom.domain.errors import IntegrityError
from strongroom.keys.sealing import (
    SEGMENT,
    SealedReader,
    context_of,
    open_into,
    open_stream,
    seal_stream,
)

HEADER, TAG = 80, 16
SEALED_SEGMENT = SEGMENT + TAG
KEY = bytes(range(32))
HERE = context_of(model="fraud", version="1", path="model.onnx")
SIZES = sorted(
    {0, 1, 15, 16, 17} | {n * SEGMENT + d for n in (1, 2, 3, 9) for d in (-17, -16, -1, 0, 1, 17)}
)
BIG = random.Random(7).randbytes(10 * SEGMENT)


def seal(data: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    target = io.BytesIO()
    seal_stream(io.BytesIO(data), target, key, context)
    return target.getvalue()


def by_stream(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    target = io.BytesIO()
    open_stream(io.BytesIO(sealed), target, key, context, where="m.sealed")
    return target.getvalue()


def by_reader(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    with SealedReader(io.BytesIO(sealed), key, context, where="m.sealed") as reader:
        return reader.read()


def in_memory(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    segments = max(1, -(-(len(sealed) - HEADER) // SEALED_SEGMENT))
    out = bytearray(max(0, len(sealed) - HEADER - TAG * segments))
    open_into(sealed, out, key, context, where="m.sealed")
    return bytes(out)


WAYS: list[Callable[..., bytes]] = [by_stream, by_reader, in_memory]
opening = pytest.mark.parametrize("opened", WAYS)


def refused(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bool:
    """Whether all ways of opening refuse, and name the file."""
    for opened in WAYS:
        with pytest.raises(IntegrityError, match=r"^m\.sealed: "):
            opened(sealed, key, context)
    return True


THREE = seal(BIG[: 2 * SEGMENT + 1000])
"""Two whole segments and a part of one."""
