"""MLflow's `MLmodel`: which module loads the model, and what the model says is to be trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating

MAX_CHARACTERS: Final = 2**18
MAX_ALIASES: Final = 100
"""YAML aliases: more of them only serve to grow without end."""
_REFERENCES: Final = ("GHSA-w582-9x45-8mpx", "CWE-470", "AML.T0011.000")
_LOADERS: Final = re.compile(
    r"mlflow\.(sklearn|xgboost|lightgbm|catboost|onnx|pytorch|tensorflow|keras|spark|statsmodels|"
    r"prophet|pmdarima|paddle|spacy|transformers|sentence_transformers|langchain|pyfunc\.model|h2o)\Z"
)
"""Modules of MLflow that load its own flavors."""


def recognise(text: str, name: str) -> Scanned | None:
    """Judge an MLmodel file."""
    if name != "MLmodel" and not re.search(r"^flavors\s*:", text, re.M):
        return None
    if len(text) > MAX_CHARACTERS or len(re.findall(r"[*&]\w", text)) > MAX_ALIASES:
        return Scanned("mlmodel", (unjudged("mlmodel.broken", "too large to be read"),))
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return Scanned("mlmodel", (unjudged("mlmodel.broken", f"not YAML: {error!s:.200}"),))
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict):
        return Scanned("mlmodel", (unjudged("mlmodel.broken", "no flavors in it"),))
    found = [
        hazard
        for flavor, settings in flavors.items()
        if isinstance(settings, dict)
        for key, value in settings.items()
        if value
        for hazard in _judge(str(flavor), str(key), value)
    ]
    return Scanned("mlmodel", tuple(found))


def _judge(flavor: str, key: str, value: Any) -> Iterator[Hazard]:
    if key == "loader_module" and not _LOADERS.match(str(value)):
        yield _loader(str(value))
    elif key in {"skops_trusted_types", "trusted_types"}:
        names = value if isinstance(value, list) else [value]
        yield from (_trust(name) for name in map(str, names) if not _reviewed(name))
    elif key == "code":
        yield odd(
            "mlmodel.code",
            f"puts the folder {str(value)[:100]!r} of the model on Python's path",
            attack="bundled_code",
            references=_REFERENCES,
        )
    elif key in {"data", "model_path", "path"} and ".." in str(value).split("/"):
        yield odd(
            "mlmodel.path_escape",
            f"{key} of {flavor} leads outside the folder: {str(value)[:200]!r}",
            attack="path_escape",
            references=("CWE-22",),
            rating=Rating.BLOCK,
        )


def _loader(module: str) -> Hazard:
    hazard = judge_name(module, "_load_pyfunc", "mlmodel.loader_module", references=_REFERENCES)
    return hazard or odd("mlmodel.loader_module", f"is loaded by {module}", references=_REFERENCES)


def _reviewed(name: str) -> bool:
    module, _, symbol = name.rpartition(".")
    return judge_name(module, symbol, "mlmodel.trusted_types") is None


def _trust(name: str) -> Hazard:
    return odd(
        "mlmodel.trusted_types",
        f"the model itself says that {name[:100]} is to be trusted",
        attack="self_whitelisting",
        references=_REFERENCES,
        rating=Rating.BLOCK,
        call=f"skops.io.load(…, trusted=[{name[:100]!r}])",
    )
