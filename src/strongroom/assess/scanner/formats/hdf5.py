"""HDF5 as Keras writes it: the model's configuration is JSON in an attribute.

The file is searched for that JSON in pieces; HDF5 keeps attributes as they are, never compressed,
so nothing of HDF5's own structure is needed, and nothing of it can hide them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.keras import judge_config
from strongroom.assess.scanner.place import Place, Scanned, odd
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import CHUNK, Stream

CONFIG: Final = 16 * 2**20
"""Longest configuration that is read, in bytes."""
_START: Final = re.compile(rb'\{\s*"(module|class_name|name|config)"\s*:')
_MARKS: Final = re.compile(
    rb'"class_name"\s*:\s*"([^"]*>)?(Lambda|__lambda__|TorchModuleWrapper|TFSMLayer)"'
)


def scan(stream: Stream, place: Place) -> Scanned:
    """Find every configuration and judge it."""
    found: dict[str, Hazard] = {}
    window, base = b"", 0
    while data := stream.read(CHUNK):
        place.budget.tick()
        window += data
        while match := _START.search(window):
            window = window[match.start() :]
            base = stream.tell() - len(window)
            text, window = _document(window, stream)
            for hazard in _judge(text, base):
                found.setdefault(f"{hazard.rule}{hazard.call}", hazard)
        window = window[-64:]
    name = "keras-h5" if found else "hdf5"
    return Scanned(name, tuple(found.values()))


def _document(window: bytes, stream: Stream) -> tuple[bytes, bytes]:
    """The JSON object at the window's start, and what follows it."""
    while True:
        end = _end(window)
        if end is not None:
            return window[:end], window[end:]
        if len(window) > CONFIG:
            return window, b""
        more = stream.read(CHUNK)
        if not more:
            return window, b""
        window += more


def _end(window: bytes) -> int | None:
    """Where the object closes, or at once where this cannot be text."""
    depth, inside, skip = 0, False, False
    for at, byte in enumerate(window):
        if byte < 0x09:
            return at
        if skip:
            skip = False
        elif inside:
            skip = byte == 0x5C
            inside = byte != 0x22
        elif byte == 0x22:
            inside = True
        elif byte == 0x7B:
            depth += 1
        elif byte == 0x7D:
            depth -= 1
            if not depth:
                return at + 1
    return None


def _judge(text: bytes, offset: int) -> Iterator[Hazard]:
    document: Any = None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        if mark := _MARKS.search(text):
            yield odd(
                "keras.lambda",
                f"a {mark[2].decode()} layer in a configuration that is not sound JSON",
                offset=offset + mark.start(),
                attack="code_execution",
                references=("CVE-2024-3660", "CWE-502"),
                rating=Rating.BLOCK,
            )
        return
    yield from judge_config(document)
