"""Keras: the model's configuration in `.keras` archives and in HDF5 files names what is built.

Nothing but layers and their settings belongs there. Functions, Lambda bytecode and layers that open
other files or pickles are how CVE-2024-3660, CVE-2025-1550, -8747, -9905, -9906, -12058 and -49655
run code or read files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.jsons import NotJson, dicts, read_json
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream

_LAMBDA: Final = ("CVE-2024-3660", "CVE-2025-9905", "CWE-502", "CWE-94")
_MODULE: Final = ("CVE-2025-1550", "CVE-2025-8747", "CVE-2025-9906", "CWE-502")
_MODULES: Final = re.compile(
    r"(tf_)?keras(\.src|\.api)?(\._v2|\._v1)?"
    r"(\.(layers|activations|initializers|regularizers|constraints|losses|metrics|optimizers|models|"
    r"engine|dtype_policies|mixed_precision|random|quantizers|callbacks|legacy|trainers|wrappers|"
    r"backend\.[a-z]+\.optimizers)"
    r"(\.[a-z0-9_]+)*)?\Z"
)
_OPERATIONS: Final = re.compile(r"keras(\.src)?\.ops(\.[a-z_]+)*\Z")
"""Mathematical operations, where they are classes; functions of these modules are not layers."""
_PLAIN_BUILTINS: Final = frozenset(
    {"__tuple__", "__ellipsis__", "__bytes__", "function", "__keras_tensor__"}
)
_OPENS: Final = {
    "TorchModuleWrapper": ("loads a pickle through torch.load", "nested_pickle", "CVE-2025-49655"),
    "TFSMLayer": ("loads and runs a SavedModel from a path", "file_access", "CVE-2025-8747"),
    "FlaxLayer": ("deserialises functions", "code_execution", "CVE-2025-1550"),
    "JaxLayer": ("deserialises functions", "code_execution", "CVE-2025-1550"),
}
_LOOKUPS: Final = frozenset({"StringLookup", "IndexLookup", "IntegerLookup", "TextVectorization"})
_CONFIGS: Final = ("config.json", "model.json")


def scan_member(stream: Stream, name: str, place: Place) -> Scanned:
    """One entry of a `.keras` archive."""
    return place.descend(stream, name, _config if name in _CONFIGS else None)


def _config(stream: Stream, _place: Place) -> Scanned:
    try:
        document = read_json(stream)
    except NotJson as error:
        hazard = unjudged("keras.broken", f"the configuration is not JSON: {error}")
        return Scanned("keras", (hazard,))
    return Scanned("keras", judge_config(document))


def judge_config(document: Any) -> tuple[Hazard, ...]:
    """Hazards of a model configuration, each once."""
    found: dict[str, Hazard] = {}
    for path, node in dicts(document):
        if isinstance(node.get("class_name"), str):
            for hazard in _node(path, node):
                found.setdefault(f"{hazard.rule}{hazard.call}", hazard)
    return tuple(found.values())


def _node(path: str, node: dict[str, Any]) -> Iterator[Hazard]:
    name, module = node["class_name"], node.get("module")
    config = node.get("config")
    short = name.rpartition(">")[2]
    if short == "Lambda" or name == "__lambda__":
        yield odd(
            "keras.lambda",
            f"a Lambda layer at {path or 'the root'} runs Python that the file brings",
            attack="code_execution",
            references=_LAMBDA,
            rating=Rating.BLOCK,
            call=_lambda_text(config),
        )
    if short in _OPENS:
        why, attack, advisory = _OPENS[short]
        yield odd(
            "keras.opening_layer",
            f"a {short} layer {why}",
            attack=attack,
            references=(advisory, "CWE-502"),
            rating=Rating.BLOCK,
            call=f"{short}({str(config)[:200]})",
        )
    if short in _LOOKUPS and isinstance(config, dict):
        yield from _lookup(short, config)
    if isinstance(module, str):
        yield from _module(module, name, config)
    custom = node.get("registered_name")
    if isinstance(custom, str) and ">" in custom and not custom.startswith("keras"):
        yield odd(
            "keras.custom_object",
            f"needs the custom class {custom[:100]}, whose code is not in the file",
            attack="unreviewed_import",
            references=("CWE-470",),
        )


def _lookup(name: str, config: dict[str, Any]) -> Iterator[Hazard]:
    vocabulary = config.get("vocabulary")
    if isinstance(vocabulary, str) and vocabulary:
        yield odd(
            "keras.vocabulary_path",
            f"a {name} layer reads its vocabulary from {vocabulary[:200]!r} while the model loads",
            attack="file_access",
            references=("CVE-2025-12058", "CWE-73", "CWE-918"),
            rating=Rating.BLOCK,
            call=f"open({vocabulary[:200]!r})",
        )


def _module(module: str, name: str, config: Any) -> Iterator[Hazard]:
    if name == "function":
        target = config if isinstance(config, str) else str(config)[:100]
        if not _MODULES.match(module) or module in {"keras.utils", "builtins"}:
            hazard = judge_name(module, target, "keras.function", references=_MODULE)
            yield from [hazard] if hazard else []
        return
    if _MODULES.match(module) or (module == "builtins" and name in _PLAIN_BUILTINS):
        return
    if _OPERATIONS.match(module) and name[:1].isupper():
        return
    if module.startswith(("keras", "tf_keras", "tensorflow.keras")):
        yield odd(
            "keras.module",
            f"builds {module}.{name}, which is neither layer nor setting",
            attack="resolver",
            references=_MODULE,
            rating=Rating.BLOCK,
            call=f"{module}.{name}({str(config)[:200]})",
        )
        return
    hazard = judge_name(module, name, "keras.module", references=_MODULE)
    yield from [hazard] if hazard else []


def _lambda_text(config: Any) -> str:
    function = config.get("function") if isinstance(config, dict) else config
    return f"marshal.loads({str(function)[:120]!r})"
