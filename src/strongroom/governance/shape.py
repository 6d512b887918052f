"""From a tree of values to a System, with the problems of its shape in people's words."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from strongroom.governance.manifest import System
from strongroom.governance.problems import Path, Problem, did_you_mean

M = TypeVar("M", bound=BaseModel)

_WORDS: Final = {
    dict: "a mapping of fields",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
}
_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of fields",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}


def shape(value: Any) -> tuple[System | None, list[Problem]]:
    """The System that the values make, or None and why not."""
    if not isinstance(value, dict):
        found = "the file is empty" if value is None else f"found {_word(value)}"
        fix = "run `strongroom init` for a manifest to start from"
        return None, [Problem((), f"expected a mapping of fields, {found}", fix)]
    return validate(System, value, ())


def validate(model: type[M], value: Any, at: Path) -> tuple[M | None, list[Problem]]:
    """Validate one part strictly (no text for numbers); `at` is where it stands."""
    try:
        return model.model_validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    slips = {_meant(model, detail) for detail in details if detail["type"] == "extra_forbidden"}
    return None, [_problem(model, value, at, d) for d in details if d["loc"] not in slips]


def _meant(model: type[BaseModel], unknown: ErrorDetails) -> tuple[int | str, ...]:
    """Where the field belongs that a misspelt one was meant to be: it is not missing as well."""
    *parent, given = unknown["loc"]
    owner = _model_at(model, tuple(parent))
    near = did_you_mean(str(given), _names(owner)) if owner else None
    return (*parent, near or "")


def _problem(model: type[BaseModel], value: Any, at: Path, error: ErrorDetails) -> Problem:
    loc = _written(value, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    path = (*at, *loc)
    if kind == "missing":
        name = str(error["loc"][-1])
        hint = _describe(_field(model, error["loc"]))
        return Problem((*path, name), "is missing", f"add `{name}: …`{hint}")
    if kind == "extra_forbidden":
        return _unknown_field(model, path, error["loc"])
    if kind in ("enum", "literal_error"):
        return _unknown_choice(path, error, _field(model, error["loc"]))
    if kind in _EXPECTED:
        found = _word(error["input"])
        return Problem(path, f"expected {_EXPECTED[kind]}, found {found}", _quote_fix(kind, error))
    if kind == "string_pattern_mismatch":
        what = f"{_brief(error['input'])} does not fit {context['pattern']}"
        return Problem(path, what, _pattern_fix(str(context["pattern"])))
    return Problem(path, f"{error['msg'][0].lower()}{error['msg'][1:]}")


def _written(value: Any, loc: tuple[int | str, ...]) -> Path:
    """The part of pydantic's location that is in the document (it adds names of union members)."""
    path: Path = ()
    for part in loc:
        in_mapping = isinstance(value, dict) and part in value
        in_list = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if not (in_mapping or in_list):
            break
        value = value[part]
        path = (*path, part)
    return path


def _unknown_field(model: type[BaseModel], path: Path, loc: tuple[int | str, ...]) -> Problem:
    given = str(loc[-1])
    parent = _model_at(model, loc[:-1])
    known = _names(parent) if parent else {}
    near = did_you_mean(given, known)
    fix = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"
    return Problem(path, "unknown field", fix)


def _unknown_choice(path: Path, error: ErrorDetails, info: FieldInfo | None) -> Problem:
    given = error["input"]
    choices = _choices(info.annotation) if info else ()
    near = did_you_mean(str(given), choices)
    listed = "one of: " + ", ".join(choices) if choices else str(error["msg"])
    fix = f"did you mean `{near}`? ({listed})" if near else listed
    return Problem(path, f"{_brief(given)} is not known", fix)


def _quote_fix(kind: str, error: ErrorDetails) -> str | None:
    given = error["input"]
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f'quote it: "{json.dumps(given)}"'
    if kind in ("tuple_type", "list_type") and isinstance(given, str):
        return f"write [{given[:40]}]"
    if kind in ("int_type", "float_type") and isinstance(given, str):
        return "write the number without quotes" if _numeric(given) else "write a number"
    return None


def _pattern_fix(pattern: str) -> str:
    if "A-Z" in pattern:
        return "write a two-letter country code in capitals, such as MY, CH, or EU"
    return "use lower-case letters, digits, - and _, at most 63, beginning with a letter or digit"


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _word(value: Any) -> str:
    word = _WORDS.get(type(value), type(value).__name__)
    return f"{word} ({_brief(value)})" if isinstance(value, str | int | float) else word


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _names(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """A model's fields by the names that the manifest uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _describe(info: FieldInfo | None) -> str:
    if info is None:
        return ""
    choices = _choices(info.annotation)
    text = f"one of {', '.join(choices)}" if choices else (info.description or "")
    return f" ({text.rstrip('.')})" if text else ""


def _field(model: type[BaseModel], loc: tuple[int | str, ...]) -> FieldInfo | None:
    """The nearest field at or above a location."""
    for end in range(len(loc), 0, -1):
        parent = _model_at(model, loc[: end - 1])
        if parent and isinstance(loc[end - 1], str):
            info = _names(parent).get(str(loc[end - 1]))
            if info:
                return info
    return None


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that a location is inside of, if any."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            continue
        info = _names(current).get(part) if current else None
        current = _model_in(info.annotation) if info else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((model for model in found if model), None)


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values of an enumeration or literal, however it is wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return tuple(member.value for member in annotation)
    if get_origin(annotation) is Literal:
        return tuple(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (typing.Union, types.UnionType, tuple, typing.Annotated):
        for inner in get_args(annotation):
            if choices := _choices(inner):
                return choices
    return ()
