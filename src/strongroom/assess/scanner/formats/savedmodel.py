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
    "WholeFileReader": ("reads any file", "file_access"),
    "WholeFileReaderV2": ("reads any file", "file_access"),
    "ImmutableConst": ("maps any file into memory", "file_access"),
    "Save": ("writes any file", "file_access"),
    "SaveSlices": ("writes any file", "file_access"),
    "TextLineReader": ("reads files", "file_access"),
    "TextLineReaderV2": ("reads files", "file_access"),
    "TFRecordReader": ("reads files", "file_access"),
    "TFRecordReaderV2": ("reads files", "file_access"),
    "FixedLengthRecordReader": ("reads files", "file_access"),
    "FixedLengthRecordReaderV2": ("reads files", "file_access"),
    "GcsConfigureCredentials": ("sets credentials of a cloud", "network"),
    "RpcServerStart": ("opens a port", "network"),
    "DistributedSave": ("writes files", "file_access"),
    "SnapshotDataset": ("writes files", "file_access"),
    "SnapshotDatasetV2": ("writes files", "file_access"),
}
_REVIEW: Final = frozenset(
    {"PrintV2", "CreateSummaryFileWriter", "WriteGraphSummary",
     "TextLineReader", "TextLineReaderV2",
     "TFRecordReader", "TFRecordReaderV2",
     "FixedLengthRecordReader", "FixedLengthRecordReaderV2",
     "SnapshotDataset", "SnapshotDatasetV2"}
)  # fmt: skip
_PATHS: Final = {
    "saved_model": {2: "meta_graph"},
    "meta_graph": {2: "graph"},
    "graph": {1: "node", 2: "library"},
    "library": {1: "function"},
    "function": {3: "node"},
}


def plausible(head: bytes) -> bool:
    """Schema version 1 or none, then a meta graph that begins with one of its own fields."""
    if len(head) <= 16:
        return False
    return head.startswith(b"\x08\x01\x12") or (
        head[:1] == b"\x12" and _begins(head, 1, (b"\x0a", b"\x12"))
    )


def plausible_graph(head: bytes) -> bool:
    """A node, which begins with its name; the operator follows (a frozen graph)."""
    at = _after_length(head, 1)
    if head[:1] != b"\x0a" or head[at : at + 1] != b"\x0a" or at + 2 > len(head):
        return False
    after = at + 2 + head[at + 1]
    operator = head[after + 2 : after + 2 + head[after + 1]] if len(head) > after + 1 else b""
    return head[after : after + 1] == b"\x12" and operator.isalnum() and operator[:1].isupper()


def _after_length(head: bytes, at: int) -> int:
    while at < min(len(head), 6) and head[at] & 0x80:
        at += 1
    return at + 1


def _begins(head: bytes, at: int, keys: tuple[bytes, ...]) -> bool:
    inner = _after_length(head, at)
    third = _after_length(head, inner + 1)
    return head[inner : inner + 1] in keys and head[third : third + 1] == b"\x0a"


def scan_graph(stream: Stream, _place: Place) -> Scanned:
    """The same for a bare graph."""
    return _scanned(stream, "graph", "graphdef")


def scan(stream: Stream, _place: Place) -> Scanned:
    """Walk to every operator."""
    return _scanned(stream, "saved_model", "savedmodel")


def _scanned(stream: Stream, kind: str, name: str) -> Scanned:
    found: dict[str, Hazard] = {}
    try:
        _walk(stream, None, kind, found)
    except Truncated:
        found["broken"] = unjudged(f"{name}.broken", f"not a sound {name}", offset=stream.tell())
    return Scanned(name, tuple(found.values()))


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
