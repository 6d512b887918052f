"""HDF5 as Keras writes it: the model's configuration is JSON in an attribute.

The file is searched for that JSON in pieces; HDF5 keeps attributes as they are, never compressed,
so nothing of HDF5's own structure is needed, and nothing of it can hide them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.hunt import Hunt
from strongroom.assess.scanner.formats.keras import judge_config
from strongroom.assess.scanner.jsons import MAX_BYTES
from strongroom.assess.scanner.place import Place, Scanned, odd
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import CHUNK, Stream

_START: Final = re.compile(rb'\{\s{0,8}"(module|class_name|name|config)"\s{0,8}:')
_MARKS: Final = re.compile(
    rb'"class_name"\s{0,8}:\s{0,8}"([\w>.]{0,80}>)?(Lambda|__lambda__|TorchModuleWrapper|TFSMLayer)"'
)
_TOKEN: Final = re.compile(rb'["\\{}\x00-\x08]')
LONGEST_START: Final = 64
"""Bytes that a match of `_START` may take."""


class _Braces:
    """Finds where a JSON object ends, fed piece by piece."""

    def __init__(self) -> None:
        self._depth = 0
        self._inside = False
        self._escaped_at = -1
        self._at = 0
        """Bytes seen in earlier pieces."""

    def feed(self, data: bytes) -> int | None:
        """Where in this piece the object ends, or where it turns out to be no text."""
        for match in _TOKEN.finditer(data):
            at, token = match.start(), match[0]
            if token < b"\t":
                return at
            if self._inside and self._escaped_at == self._at + at:
                continue
            if token == b"\\":
                self._escaped_at = self._at + at + 1 if self._inside else -1
            elif token == b'"':
                self._inside = not self._inside
            elif not self._inside:
                self._depth += 1 if token == b"{" else -1
                if not self._depth:
                    return at + 1
        self._at += len(data)
        return None


def scan(stream: Stream, place: Place) -> Scanned:
    """Find every configuration and judge it."""
    found: dict[str, Hazard] = {}
    hunt = Hunt(place)
    window = b""
    while data := stream.read(CHUNK):
        window += data
        hunt.feed(window, stream.tell() - len(window))
        while match := _START.search(window):
            place.budget.tick()
            start = stream.tell() - len(window) + match.start()
            text, window = _document(window[match.start() :], stream)
            for hazard in _judge(text, start):
                found.setdefault(f"{hazard.rule}{hazard.call}", hazard)
        window = window[-LONGEST_START:]
    name = "keras-h5" if found else "hdf5"
    return Scanned(name, (*found.values(), *hunt.found.values()))


def _document(window: bytes, stream: Stream) -> tuple[bytes, bytes]:
    """The JSON object at the window's start, and what follows it."""
    braces, parts, size = _Braces(), [], 0
    piece = window
    while piece:
        end = braces.feed(piece)
        if end is not None:
            parts.append(piece[:end])
            return b"".join(parts), piece[end:]
        parts.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            break
        piece = stream.read(CHUNK)
    return b"".join(parts), b""


def _judge(text: bytes, offset: int) -> Iterator[Hazard]:
    try:
        document: Any = json.loads(text) if len(text) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if document is not None:
        yield from judge_config(document)
    elif mark := _MARKS.search(text):
        yield odd(
            "keras.lambda",
            f"a {mark[2].decode()} layer in a configuration that is not sound JSON",
            offset=offset + mark.start(),
            attack="code_execution",
            references=("CVE-2024-3660", "CWE-502"),
            rating=Rating.BLOCK,
        )
