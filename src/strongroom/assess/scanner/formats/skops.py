"""skops archives: `schema.json` names every class and function that loading will use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.jsons import NotJson, dicts, read_json
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream

_OPERATOR: Final = ("CVE-2025-54412", "CWE-502")
_METHOD: Final = ("CVE-2025-54413", "CWE-502")
_PLAIN: Final = frozenset(
    [
        "DictNode",
        "DefaultDictNode",
        "ListNode",
        "SetNode",
        "TupleNode",
        "TypeNode",
        "SliceNode",
        "ObjectNode",
        "JsonNode",
        "BytesNode",
        "BytearrayNode",
        "ConstructorFromReduceNode",
        "NdArrayNode",
        "MaskedArrayNode",
        "RandomStateNode",
        "RandomGeneratorNode",
        "DTypeNode",
        "SparseMatrixNode",
        "TreeNode",
        "LossNode",
        "CachedNode",
        "FunctionNode",
        "PartialNode",
        "MethodNode",
        "OperatorFuncNode",
        "QuantileForestNode",
        "ReduceNode",
        "KDTreeNode",
        "_DictWithDeprecatedKeysNode",
        "SGDNode",
    ]
)
"""Loaders that skops has, 0.1 to 0.16."""
_OPERATORS: Final = frozenset({"attrgetter", "itemgetter", "methodcaller"})
MOST: Final = 100


def scan_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry: the schema, or an array."""
    return place.descend(stream, name, _schema if name == "schema.json" else None)


def _schema(stream: Stream, _place: Place) -> Scanned:
    try:
        document = read_json(stream)
    except NotJson as error:
        return Scanned("skops", (unjudged("skops.broken", f"the schema is not JSON: {error}"),))
    found: dict[str, Hazard] = {}
    for path, node in dicts(document):
        if "__loader__" in node:
            for hazard in _node(path, node):
                found.setdefault(f"{hazard.rule}{hazard.call}", hazard)
        if len(found) >= MOST:
            break
    return Scanned("skops", tuple(found.values()))


def _node(path: str, node: dict[str, Any]) -> Iterator[Hazard]:
    loader, name, module = node["__loader__"], node.get("__class__"), node.get("__module__")
    if not (isinstance(loader, str) and isinstance(name, str) and isinstance(module, str)):
        yield odd("skops.broken_node", f"the node at {path or 'the root'} is malformed")
        return
    if loader not in _PLAIN:
        yield odd("skops.unknown_loader", f"skops has no loader {loader[:80]!r}")
    if loader == "OperatorFuncNode":
        yield from _operator(module, name)
    elif loader == "MethodNode":
        yield from _method(module, name, node.get("content"))
    elif loader == "FunctionNode":
        yield from _some(judge_name(module, name, "skops.function", references=("CVE-2025-54412",)))
    else:
        yield from _some(judge_name(module, name, "skops.type"))


def _operator(module: str, name: str) -> Iterator[Hazard]:
    if module != "operator" or name not in _OPERATORS:
        yield odd(
            "skops.operator_mismatch",
            f"an operator node names {module}.{name}, which is no operator: the type that is "
            "checked is not the one that is called",
            attack="type_confusion",
            references=_OPERATOR,
            rating=Rating.BLOCK,
            call=f"{module}.{name}(…)"[:300],
        )
    elif name != "itemgetter":
        yield odd(
            "skops.operator",
            f"keeps an operator.{name}, which calls whatever it is told to",
            attack="resolver",
            references=_OPERATOR,
        )


def _method(module: str, name: str, content: Any) -> Iterator[Hazard]:
    func = content.get("func") if isinstance(content, dict) else None
    owner = content.get("obj") if isinstance(content, dict) else None
    real = (owner.get("__module__"), owner.get("__class__")) if isinstance(owner, dict) else None
    if not isinstance(func, str) or real is None:
        yield odd("skops.broken_node", "a method node without its object or its name")
        return
    differs = real != (module, name)
    dunder = func.startswith("__")
    yield odd(
        "skops.method",
        f"binds the method {func} of {real[0]}.{real[1]}"
        + (f", but says it is one of {module}.{name}" if differs else ""),
        attack="type_confusion" if differs else "resolver",
        references=_METHOD,
        rating=Rating.BLOCK if differs or dunder else Rating.REVIEW,
        call=f"getattr({real[0]}.{real[1]}, {func!r})"[:300],
    )


def _some(hazard: Hazard | None) -> Iterator[Hazard]:
    if hazard is not None:
        yield hazard
