"""JSON files: models that are JSON, and configurations that bring code or templates with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from strongroom.assess.scanner.formats.huggingface import judge_parts, judge_strings
from strongroom.assess.scanner.formats.jinja import judge_template
from strongroom.assess.scanner.formats.keras import judge_config
from strongroom.assess.scanner.jsons import NotJson, dicts, parse
from strongroom.assess.scanner.names import judge_name
from strongroom.assess.scanner.place import Scanned, odd, unjudged
from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.stream import CHUNK, Stream

_XGBOOST: Final = re.compile(r'\s{0,8}\{\s{0,8}"learner"\s{0,8}:')
_KEYS: Final = re.compile(
    rb'"(auto_map|custom_pipelines|trust_remote_code|chat_template|class_name)"'
)
_OVERLAP: Final = 64
_REMOTE: Final = ("CWE-94", "CWE-829", "AML.T0010.003")
Document = dict[str, Any]


def is_json(text: str) -> bool:
    """Whether the text begins like an object or a list."""
    return text[:100].lstrip("\ufeff \t\r\n")[:1] in {"{", "["}


def judge_long(head: str, rest: Stream) -> Scanned:
    """JSON too long to be parsed: a model or a vocabulary, if no key that brings code is in it."""
    kind = "xgboost" if _XGBOOST.match(head) else "json"
    tail = head.encode("utf-8", "replace")
    while tail:
        if key := _KEYS.search(tail):
            text = f"too long to be judged, and has the key {key[1].decode()}"
            return Scanned(kind, (unjudged("json.size", text),))
        rest.budget.tick()
        more = rest.read(CHUNK)
        tail = tail[-_OVERLAP:] + more if more else b""
    return Scanned(kind)


def recognise(text: str, name: str) -> Scanned | None:
    """Judge JSON."""
    if not is_json(text):
        return None
    try:
        document = parse(text.encode("utf-8", "replace"))
    except NotJson as error:
        if not name.endswith(".json"):
            return None
        return Scanned("json", (unjudged("json.broken", f"not JSON: {error}"),))
    if isinstance(document, dict):
        for kind, matches, judge in _KINDS:
            if matches(document):
                return Scanned(kind, tuple(judge(document)))
    return Scanned("json", tuple(_bundled(document)))


def _bundled(document: Any) -> Iterator[Hazard]:
    """Code and templates that a Hugging Face configuration brings."""
    for path, node in dicts(document):
        where = path.strip(".") or "the file"
        if remote := node.get("auto_map") or node.get("custom_pipelines"):
            elsewhere = "--" in str(remote)
            yield odd(
                "config.remote_code",
                f"{where} names Python that runs when it is loaded with trust_remote_code"
                + (", from another repository" if elsewhere else ""),
                attack="bundled_code",
                references=_REMOTE,
                rating=Rating.BLOCK if elsewhere else Rating.REVIEW,
                call=f"import_from_repository({str(remote)[:200]})",
            )
        if isinstance(target := node.get("_target_"), str):
            module, _, symbol = target.rpartition(".")
            hazard = judge_name(module, symbol, "config.target", references=("CVE-2025-23304",))
            if hazard is not None and hazard.rating is Rating.BLOCK:
                yield hazard
        if node.get("trust_remote_code") is True:
            yield odd(
                "config.trusts_itself",
                f"{where} says of itself that its remote code is to be trusted",
                attack="self_whitelisting",
                references=_REMOTE,
                rating=Rating.BLOCK,
            )
        yield from judge_strings(path, node)
        yield from judge_parts(node)
        for template in _templates(node.get("chat_template")):
            yield from judge_template(template, f"{path}.chat_template".strip("."))


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        named = (item.get("template") for item in value if isinstance(item, dict))
        yield from (text for text in named if isinstance(text, str))
    elif isinstance(value, dict):
        yield from (text for text in value.values() if isinstance(text, str))


def _nothing(_document: Document) -> Iterable[Hazard]:
    return ()


_KINDS: Final[
    tuple[tuple[str, Callable[[Document], bool], Callable[[Document], Iterable[Hazard]]], ...]
] = (
    ("xgboost", lambda d: isinstance(d.get("learner"), dict), _nothing),
    ("catboost", lambda d: "oblivious_trees" in d and "features_info" in d, _nothing),
    ("notebook", lambda d: isinstance(d.get("cells"), list) and "nbformat" in d, _nothing),
    ("keras-json", lambda d: "class_name" in d and "config" in d, judge_config),
)
"""Name, how it is recognised, who judges it."""
