"""Configurations of Hugging Face, diffusers, sentence-transformers and MONAI that name Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.jinja import judge_template, looks_like_template
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import odd
from strongroom.assess.scanner.report import Hazard, Rating

_REMOTE: Final = ("CWE-94", "CWE-829", "AML.T0010.003")
_PIPELINES: Final = frozenset({"diffusers", "transformers", "onnxruntime", "flax", "k_diffusion"})
"""Packages from which diffusers takes the parts of a pipeline."""
_ADAPTED: Final = frozenset({"transformers", "peft", "torch", "diffusers"})
"""Packages whose models peft adapts."""
_EXPRESSION: Final = re.compile(
    r"\$.*(\b__import__|\bimport\s+(os|subprocess|socket|shutil|ctypes|pty|builtins)\b|\bos\.(system|popen|exec)|"
    r"\bsubprocess\.|\beval\s*\(|\bexec\s*\(|__globals__|__subclasses__)",
    re.S,
)
"""MONAI bundles run what follows a dollar as Python."""
_PARTS: Final = re.compile(r"sentence_transformers\.")


def judge_strings(path: str, node: dict[str, Any]) -> Iterator[Hazard]:
    """Texts of an object that some program runs: templates under any key, MONAI's expressions."""
    for key, value in node.items():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or len(text) < 8:
                continue
            where = f"{path}.{key}".strip(".")
            if key != "chat_template" and looks_like_template(text):
                found = judge_template(text, where)
                yield from (hazard for hazard in found if hazard.rating is Rating.BLOCK)
            if text[0] == "$" and (match := _EXPRESSION.match(text)):
                yield odd(
                    "config.expression",
                    f"{where} is a Python expression for MONAI, and reaches out of the model",
                    attack="code_execution",
                    references=("CWE-94", "AML.T0011.000"),
                    rating=Rating.BLOCK,
                    call=match[0][:200],
                )


def judge_parts(node: dict[str, Any]) -> Iterator[Hazard]:
    """Modules that are imported by the names that the configuration gives."""
    kind = node.get("type")
    if isinstance(kind, str) and {"idx", "path"} <= node.keys() and not _PARTS.match(kind):
        yield from _named(kind.rpartition(".")[0], kind.rpartition(".")[2])
    mapping = node.get("auto_mapping")
    mapping = mapping if isinstance(mapping, dict) else {}
    library = mapping.get("parent_library")
    if isinstance(library, str) and library.partition(".")[0] not in _ADAPTED:
        yield from _named(library, str(mapping.get("base_model_class", "")))
    if "_diffusers_version" in node:
        for value in node.values():
            match value:
                case [str() as library, str() as name] if library not in _PIPELINES:
                    yield from _named(library, name)


def _named(module: str, name: str) -> Iterator[Hazard]:
    hazard = judge_name(module, name, "config.imports", references=_REMOTE)
    if hazard is not None:
        yield hazard
