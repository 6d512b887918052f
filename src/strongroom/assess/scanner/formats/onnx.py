"""ONNX: no code in a graph, but weights may lie in other files and operators in native libraries.

Field numbers are those of onnx/onnx.proto (IR version 13 and before).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.protobuf import fields, text
from strongroom.assess.scanner.report import EXTERNAL, Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated

_DOMAINS: Final = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "ai.onnx.preview",
     "com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.ms.internal.nhwc",
     "org.pytorch.aten", "pkg.onnxscript.torch_lib", "pkg.onnxscript.torch_lib.common",
     "pkg.torch", "com.microsoft.dml"}
)  # fmt: skip
_PYTHON: Final = re.compile(r"Py(Custom)?Op|PyFunc|PythonOp", re.I)
_ESCAPE: Final = ("CVE-2022-25882", "CVE-2024-27318", "CVE-2024-5187", "CWE-22")


class _Graph:
    """What the walk found."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.hazards: dict[str, Hazard] = {}
        self.known = set(_DOMAINS)
        self.local: set[str] = set()
        self.used: dict[str, str] = {}
        self.depth = 0

    def add(self, hazard: Hazard, key: str) -> None:
        """Keep, each once."""
        self.hazards.setdefault(f"{hazard.rule}:{key}", hazard)


def plausible(head: bytes) -> bool:
    """Whether a ModelProto may begin here: ir_version, then another of its fields."""
    if len(head) < 4 or head[0] != 0x08 or not 0 < head[1] < 0x40:
        return False
    return head[2] in {0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72, 0xA2, 0xCA}


def scan(stream: Stream, place: Place) -> Scanned:
    """Walk the model."""
    graph = _Graph(place)
    try:
        for number, wire, length in fields(stream, None):
            if wire != 2:
                continue
            if number == 7:
                _walk_graph(stream, stream.tell() + length, graph)
            elif number == 25:
                _walk_function(stream, stream.tell() + length, graph)
    except Truncated:
        broken = unjudged("onnx.broken", "not a sound ONNX model", offset=stream.tell())
        return Scanned("onnx", (*graph.hazards.values(), broken))
    for domain, operator in graph.used.items():
        if domain not in graph.local:
            graph.add(_custom(domain, operator), domain)
    return Scanned("onnx", tuple(graph.hazards.values()))


def _walk_graph(stream: Stream, end: int, graph: _Graph) -> None:
    graph.depth += 1
    if graph.depth > 64:
        raise Truncated
    for number, wire, length in fields(stream, end):
        if wire != 2:
            continue
        stop = stream.tell() + length
        if number == 1:
            _walk_node(stream, stop, graph)
        elif number == 5:
            _walk_tensor(stream, stop, graph)
        elif number == 15:
            _walk_sparse(stream, stop, graph)
        stream.budget.tick()
    graph.depth -= 1


def _walk_function(stream: Stream, end: int, graph: _Graph) -> None:
    for number, wire, length in fields(stream, end):
        if wire == 2 and number == 7:
            _walk_node(stream, stream.tell() + length, graph)
        elif wire == 2 and number == 10:
            graph.local.add(text(stream, length))


def _walk_node(stream: Stream, end: int, graph: _Graph) -> None:
    operator = domain = ""
    for number, wire, length in fields(stream, end):
        if wire != 2:
            continue
        if number == 4:
            operator = text(stream, length)
        elif number == 7:
            domain = text(stream, length)
        elif number == 5:
            _walk_attribute(stream, stream.tell() + length, graph)
    if domain not in graph.known or _PYTHON.fullmatch(operator):
        graph.used.setdefault(domain, operator)
        if _PYTHON.fullmatch(operator):
            graph.add(_python(domain, operator), operator)


def _walk_attribute(stream: Stream, end: int, graph: _Graph) -> None:
    for number, wire, length in fields(stream, end):
        if wire != 2:
            continue
        stop = stream.tell() + length
        if number in (5, 10):
            _walk_tensor(stream, stop, graph)
        elif number in (6, 11):
            _walk_graph(stream, stop, graph)


def _walk_sparse(stream: Stream, end: int, graph: _Graph) -> None:
    for number, wire, length in fields(stream, end):
        if wire == 2 and number in (1, 2):
            _walk_tensor(stream, stream.tell() + length, graph)


def _walk_tensor(stream: Stream, end: int, graph: _Graph) -> None:
    for number, wire, length in fields(stream, end):
        if wire == 2 and number == 13:
            key, value = _pair(stream, stream.tell() + length)
            if key == "location":
                for hazard in _external(value, graph.place):
                    graph.add(hazard, value)


def _pair(stream: Stream, end: int) -> tuple[str, str]:
    key = value = ""
    for number, wire, length in fields(stream, end):
        if wire == 2 and number == 1:
            key = text(stream, length)
        elif wire == 2 and number == 2:
            value = text(stream, length)
    return key, value


def _external(location: str, place: Place) -> Iterator[Hazard]:
    parts = location.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in location:
        yield odd(
            "onnx.path_escape",
            f"weights are read from {location[:200]!r}, outside the model's folder",
            attack="path_escape",
            references=_ESCAPE,
            rating=Rating.BLOCK,
            call=f"open({location[:200]!r})",
        )
        return
    yield odd(EXTERNAL, "keeps weights in a file beside it", rating=Rating.CLEAN, call=location)
    file = place.path.parent / location
    if not place.member and file.is_symlink():
        yield odd(
            "onnx.symlink",
            f"weights are read through the symbolic link {location[:200]!r}",
            attack="path_escape",
            references=("CVE-2025-51480", "CWE-59"),
            rating=Rating.BLOCK,
        )


def _python(domain: str, operator: str) -> Hazard:
    return odd(
        "onnx.python_operator",
        f"the operator {domain or 'ai.onnx'}.{operator} calls Python",
        attack="code_execution",
        references=("CWE-94", "AML.T0011.000"),
        rating=Rating.BLOCK,
        call=f"{domain}.{operator}(…)",
    )


def _custom(domain: str, operator: str) -> Hazard:
    return odd(
        "onnx.custom_operator",
        f"needs the operator {domain[:100]}.{operator[:100]} from somebody's native library",
        attack="native_code",
        references=("CWE-114",),
        call=f"{domain}.{operator}(…)"[:300],
    )
