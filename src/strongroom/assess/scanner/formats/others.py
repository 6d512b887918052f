"""Formats of other worlds that may hold code: TensorFlow Lite, serialised Java objects, R data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Rating
from strongroom.assess.scanner.stream import CHUNK, Stream

OVERLAP: Final = 128
"""Bytes that two pieces share."""
_FLEX: Final = re.compile(
    rb"Flex(PyFunc|PyFuncStateless|EagerPyFunc|ReadFile|WriteFile|MatchingFiles)\b"
)
_GADGETS: Final = re.compile(
    rb"org\.apache\.commons\.(collections\d?\.functors|beanutils)|TemplatesImpl|java\.lang\.Runtime|"
    rb"java\.lang\.ProcessBuilder|org\.codehaus\.groovy\.runtime|JdbcRowSetImpl|"
    rb"org\.springframework\.beans\.factory|javax\.script\.ScriptEngine|java\.rmi\."
)


def scan_tflite(stream: Stream, place: Place) -> Scanned:
    """Operators that reach through the Flex delegate into TensorFlow's dangerous ones."""
    hazards = (
        odd(
            "tflite.operator",
            f"has the operator {found}, which reaches out of the model",
            offset=offset,
            attack="code_execution",
            references=("CWE-94", "AML.T0011.000"),
            rating=Rating.BLOCK,
            call=f"{found}(…)",
        )
        for offset, found in _search(stream, place, _FLEX)
    )
    return Scanned("tflite", tuple(hazards))


def scan_java(stream: Stream, place: Place) -> Scanned:
    """Reading Java objects back runs methods of their classes; some are known to run anything."""
    found = next(_search(stream, place, _GADGETS), None)
    hazard = odd(
        "java.objects",
        "serialised Java objects: reading them runs code of their classes"
        + (f", and {found[1]} is known from attacks" if found else ""),
        offset=found[0] if found else None,
        attack="java_deserialisation",
        references=("CWE-502",),
        rating=Rating.BLOCK if found else Rating.REVIEW,
    )
    return Scanned("java", (hazard,))


def scan_r(_stream: Stream, _place: Place) -> Scanned:
    """R data may hold promises, which run when they are looked at."""
    why = "R data is not followed here; reading it may run code (CVE-2024-27322)"
    return Scanned("r", (unjudged("r.unread", why, fix="export the model to ONNX or PMML"),))


def _search(stream: Stream, place: Place, wanted: re.Pattern[bytes]) -> Iterator[tuple[int, str]]:
    seen: set[bytes] = set()
    window = b""
    while data := stream.read(CHUNK):
        place.budget.tick()
        window = window[-OVERLAP:] + data
        start = stream.tell() - len(window)
        for match in wanted.finditer(window):
            if match[0] not in seen:
                seen.add(match[0])
                yield start + match.start(), match[0].decode("latin-1")
