"""TensorFlow SavedModel: a graph whose operators are native, some of which touch files or Python.

Field numbers are those of tensorflow/core/protobuf (saved_model, meta_graph, graph, function,
node_def).
"""

from __future__ import annotations

from typing import Final

from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.protobuf import fields, text
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream, Truncated

_OPERATORS: Final = {
    "PyFunc": ("calls Python", "code_execution"),
    "PyFuncStateless": ("calls Python", "code_execution"),
    "EagerPyFunc": ("calls Python", "code_execution"),
    "ReadFile": ("reads any file", "file_access"),
    "WriteFile": ("writes any file", "file_access"),
    "MatchingFiles": ("lists folders", "file_access"),
    "DebugIdentity": ("sends tensors to an address", "network"),
    "DebugIdentityV2": ("writes tensors to a file", "file_access"),
    "PrintV2": ("can write to a file", "file_access"),
    "SendTPUEmbeddingGradients": ("sends data away", "network"),
    "RpcCall": ("calls another machine", "network"),
    "RpcClient": ("calls another machine", "network"),
    "DatasetToTFRecord": ("writes a file", "file_access"),
    "SaveDataset": ("writes files", "file_access"),
    "SaveDatasetV2": ("writes files", "file_access"),
    "LoadDataset": ("reads files", "file_access"),
    "BigQueryReader": ("reads from the network", "network"),
    "WriteGraphSummary": ("writes files", "file_access"),
    "CreateSummaryFileWriter": ("writes files", "file_access"),
}
_REVIEW: Final = frozenset({"PrintV2", "CreateSummaryFileWriter", "WriteGraphSummary"})
_PATHS: Final = {
    "saved_model": {2: "meta_graph"},
    "meta_graph": {2: "graph"},
    "graph": {1: "node", 2: "library"},
    "library": {1: "function"},
    "function": {3: "node"},
}


def plausible(head: bytes) -> bool:
    """Schema version 1, then a meta graph."""
    return head.startswith(b"\x08\x01\x12") and len(head) > 16


def scan(stream: Stream, _place: Place) -> Scanned:
    """Walk to every operator."""
    found: dict[str, Hazard] = {}
    try:
        _walk(stream, None, "saved_model", found)
    except Truncated:
        found["broken"] = unjudged(
            "savedmodel.broken", "not a sound SavedModel", offset=stream.tell()
        )
    return Scanned("savedmodel", tuple(found.values()))


def _walk(stream: Stream, end: int | None, kind: str, found: dict[str, Hazard]) -> None:
    stream.budget.tick()
    for number, wire, length in fields(stream, end):
        if wire != 2:
            continue
        if kind == "node" and number == 2:
            offset = stream.tell()
            _operator(text(stream, length), offset, found)
        elif inner := _PATHS.get(kind, {}).get(number):
            _walk(stream, stream.tell() + length, inner, found)


def _operator(name: str, offset: int, found: dict[str, Hazard]) -> None:
    if name not in _OPERATORS or name in found:
        return
    what, attack = _OPERATORS[name]
    found[name] = odd(
        "savedmodel.operator",
        f"the graph has a {name} operator, which {what}",
        offset=offset,
        attack=attack,
        references=("CWE-94" if attack == "code_execution" else "CWE-73", "AML.T0011.000"),
        rating=Rating.REVIEW if name in _REVIEW else Rating.BLOCK,
        call=f"tf.raw_ops.{name}(…)",
    )
