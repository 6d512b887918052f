"""Text files: recognised by what they say, and searched for what makes loaders run code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from strongroom.assess.scanner.formats.jinja import judge_template, looks_like_template
from strongroom.assess.scanner.formats.keras import judge_config
from strongroom.assess.scanner.jsons import NotJson, dicts, parse
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Place, Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import Stream

WHOLE: Final = 32 * 2**20
"""Bytes of a text that are read; a longer one is data."""
_XML: Final = re.compile(r"<\?xml|<PMML|<!DOCTYPE", re.I)
_ENTITY: Final = re.compile(r"<!(ENTITY|DOCTYPE)\b[^>]*", re.I)
_REMOTE: Final = ("CWE-94", "CWE-829", "AML.T0010.003")
_MLMODEL: Final = ("GHSA-w582-9x45-8mpx", "CWE-470", "AML.T0011.000")
_LOADERS: Final = re.compile(r"(mlflow(\.[a-z_0-9]+)*|catboost|lightgbm|xgboost|sklearn)\Z")
_FROM: Final = re.compile(r"^FROM\s+(\S+)", re.M)
_MODELFILE: Final = re.compile(r"^(TEMPLATE|PARAMETER|ADAPTER|SYSTEM|MESSAGE|LICENSE)\s", re.M)


def looks_like_text(head: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    if any(byte < 9 or 13 < byte < 27 for byte in head) or b"\x7f" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) > 64
    return True


def scan(stream: Stream, place: Place) -> Scanned:
    """Say what the text is, and judge it as that."""
    data = stream.read(WHOLE)
    text = data.decode("utf-8", "replace")
    name = (place.member or str(place.path)).rpartition("/")[2].rpartition("!")[2]
    for recognise in (_json, _lightgbm, _xml, _mlmodel, _modelfile):
        scanned = recognise(text, data, name)
        if scanned is not None:
            return scanned
    hazards = tuple(judge_template(text, name)) if _templated(text, name) else ()
    return Scanned("jinja" if _templated(text, name) else "text", hazards)


def _templated(text: str, name: str) -> bool:
    return name.endswith((".jinja", ".jinja2", ".j2")) and looks_like_template(text)


def _lightgbm(text: str, _data: bytes, _name: str) -> Scanned | None:
    return Scanned("lightgbm") if re.match(r"tree\r?\n(version|num_class)=", text) else None


def _xml(text: str, _data: bytes, _name: str) -> Scanned | None:
    if not _XML.match(text.lstrip()[:200]):
        return None
    kind = "pmml" if "<PMML" in text[:10_000] else "xml"
    hazards = []
    if found := _ENTITY.search(text):
        hazards.append(
            odd(
                "xml.entity",
                "declares a document type: entities read files and addresses, or grow without end",
                offset=found.start(),
                attack="xxe",
                references=("CWE-611", "CWE-776"),
                rating=Rating.BLOCK if "ENTITY" in text.upper() else Rating.REVIEW,
                call=found[0][:200],
            )
        )
    if kind == "pmml" and re.search(
        r"<\s*script\b|java\s*:|ProcessBuilder|Runtime\.getRuntime", text, re.I
    ):
        hazards.append(
            odd(
                "pmml.script",
                "holds a script",
                attack="code_execution",
                references=("CWE-94",),
                rating=Rating.BLOCK,
            )
        )
    return Scanned(kind, tuple(hazards))


def _mlmodel(text: str, _data: bytes, name: str) -> Scanned | None:
    if not re.search(r"^flavors\s*:", text, re.M) and name != "MLmodel":
        return None
    if text.count("&") > 1000 or len(text) > 2**20:
        return Scanned("mlmodel", (unjudged("mlmodel.broken", "too large to be read"),))
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return Scanned("mlmodel", (unjudged("mlmodel.broken", f"not YAML: {error!s:.200}"),))
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict):
        return Scanned("mlmodel", (unjudged("mlmodel.broken", "no flavors in it"),))
    return Scanned("mlmodel", tuple(_flavors(flavors)))


def _flavors(flavors: dict[str, Any]) -> Iterator[Hazard]:
    for flavor, settings in flavors.items():
        for key, value in settings.items() if isinstance(settings, dict) else ():
            yield from _flavor(str(flavor), str(key), value)


def _flavor(flavor: str, key: str, value: Any) -> Iterator[Hazard]:
    if key == "loader_module" and isinstance(value, str) and not _LOADERS.match(value):
        hazard = judge_name(value, "_load_pyfunc", "mlmodel.loader_module", references=_MLMODEL)
        yield from [hazard] if hazard else []
    elif key in {"skops_trusted_types", "trusted_types"} and value:
        names = value if isinstance(value, list) else [value]
        for name in map(str, names):
            module, _, symbol = name.rpartition(".")
            if judge_name(module, symbol, "mlmodel.trusted_types") is not None:
                yield odd(
                    "mlmodel.trusted_types",
                    f"the model itself says that {name[:100]} is to be trusted",
                    attack="self_whitelisting",
                    references=_MLMODEL,
                    rating=Rating.BLOCK,
                    call=f"skops.io.load(…, trusted=[{name[:100]!r}])",
                )
    elif key == "code" and value:
        yield odd(
            "mlmodel.code",
            f"puts the folder {str(value)[:100]!r} of the model on Python's path",
            attack="bundled_code",
            references=_MLMODEL,
        )
    elif key in {"serialization_format", "pickle_module"} and "cloudpickle" in str(value):
        yield odd(
            "mlmodel.cloudpickle",
            f"the {flavor} flavor keeps its model as a cloudpickle, which carries code",
            attack="nested_pickle",
            references=("CWE-502",),
        )
    elif key in {"data", "model_path", "artifacts", "path"} and ".." in str(value).split("/"):
        yield odd(
            "mlmodel.path_escape",
            f"{key} leads outside the folder: {str(value)[:200]!r}",
            attack="path_escape",
            references=("CWE-22",),
            rating=Rating.BLOCK,
        )


def _modelfile(text: str, _data: bytes, name: str) -> Scanned | None:
    if not (_FROM.search(text) and (_MODELFILE.search(text) or name == "Modelfile")):
        return None
    hazards = []
    for match in re.finditer(r"^(FROM|ADAPTER)\s+(\S+)", text, re.M):
        if ".." in match[2].split("/") or match[2].startswith(("/", "http://", "https://")):
            hazards.append(
                odd(
                    "modelfile.outside",
                    f"{match[1]} {match[2][:200]} lies outside what was handed over",
                    offset=match.start(),
                    attack="path_escape",
                    references=("CWE-829", "CVE-2024-37032"),
                )
            )
    hazards.extend(judge_template(text, "the Modelfile"))
    return Scanned("modelfile", tuple(hazards))


def _json(text: str, data: bytes, name: str) -> Scanned | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = parse(data)
    except NotJson as error:
        if "Extra data" in str(error) or not name.endswith(".json"):
            return None
        return Scanned("json", (unjudged("json.broken", f"not JSON: {error}"),))
    for kind, recognise, judge in _DOCUMENTS:
        if isinstance(document, dict) and recognise(document):
            return Scanned(kind, tuple(judge(document)))
    return Scanned("json", tuple(_remote_code(document)))


def _nothing(_document: dict[str, Any]) -> Iterator[Hazard]:
    return iter(())


def _notebook(document: dict[str, Any]) -> Iterator[Hazard]:
    return _nothing(document)


def _remote_code(document: Any) -> Iterator[Hazard]:
    """Hugging Face configurations that bring their own code, and templates."""
    for path, node in dicts(document):
        remote = node.get("auto_map") or node.get("custom_pipelines")
        if remote:
            yield odd(
                "config.remote_code",
                f"loading with trust_remote_code runs Python named in {path or 'the file'}: "
                f"{str(remote)[:200]}",
                attack="bundled_code",
                references=_REMOTE,
                rating=Rating.BLOCK if "--" in str(remote) else Rating.REVIEW,
                call=f"import_from_repository({str(remote)[:200]})",
            )
        if node.get("trust_remote_code") is True:
            yield odd(
                "config.trusts_itself",
                "the file itself says that its remote code is to be trusted",
                attack="self_whitelisting",
                references=_REMOTE,
                rating=Rating.BLOCK,
            )
        for template in _templates(node.get("chat_template")):
            yield from judge_template(template, f"{path}.chat_template".strip("."))


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (
            v["template"]
            for v in value
            if isinstance(v, dict) and isinstance(v.get("template"), str)
        )
    elif isinstance(value, dict):
        yield from (v for v in value.values() if isinstance(v, str))


_DOCUMENTS: Final[
    tuple[tuple[str, Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Any]], ...]
] = (
    ("xgboost", lambda d: isinstance(d.get("learner"), dict), _nothing),
    (
        "catboost",
        lambda d: "oblivious_trees" in d or ("trees" in d and "features_info" in d),
        _nothing,
    ),
    ("notebook", lambda d: isinstance(d.get("cells"), list) and "nbformat" in d, _notebook),
    ("keras-json", lambda d: "class_name" in d and "config" in d, judge_config),
)
