"""JSON Schemas that outputs must satisfy, from policies and from strangers: so bounded in all ways.

* nothing is fetched: a `$ref` begins with `#`
* patterns run on an engine that takes linear time (pydantic's, in Rust): no look-around
* size, depth and number of schemas are limited, and each check by steps
* what could not be judged within these limits is no output that satisfies anything
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pydantic_core import SchemaError, SchemaValidator, core_schema

from strongroom.domain.errors import InputError, LimitError, MissingExtra

try:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError as InvalidSchema
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import create
    from referencing import Registry
    from referencing.exceptions import Unresolvable
except ModuleNotFoundError as error:
    raise MissingExtra("gateway", "schemas of outputs") from error

MAX_CHARS: Final = 65_536
"""Of a schema, written."""
MAX_DEPTH: Final = 32
MAX_SCHEMAS: Final = 2_000
"""Inside one."""
MAX_PATTERN: Final = 500
STEPS: Final = 5_000
"""Keywords that are looked at in one check, and two more for each character of the output."""
MAPS: Final = frozenset(("properties", "patternProperties", "$defs", "definitions",
                         "dependentSchemas"))  # fmt: skip
LISTS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
SINGLE: Final = frozenset(("items", "contains", "additionalProperties", "propertyNames", "not",
                           "if", "then", "else"))  # fmt: skip
PLAIN: Final = frozenset(
    ("$ref", "$schema", "$id", "$comment", "const", "default", "dependentRequired", "deprecated",
     "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format",
     "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains",
     "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "readOnly",
     "required", "title", "type", "uniqueItems", "writeOnly")
)  # fmt: skip
"""Without schemas in them."""
REFUSED: Final = frozenset(("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor",
                            "unevaluatedItems", "unevaluatedProperties"))  # fmt: skip
Path: TypeAlias = tuple[str, ...]


class _TooMuch(Exception):
    """A check took more steps than it may."""


@dataclass(slots=True)
class _Budget:
    left: int


_budget: ContextVar[_Budget] = ContextVar("steps of a check")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an output does not satisfy a schema."""

    kind: str
    """"schema.not_json", "schema.mismatch", "schema.unusable"."""
    what: str
    """For people: the keyword and its place in the schema; nothing of the output."""


def problems_of(schema: Any, *, strict: bool) -> Iterator[tuple[Path, str]]:
    """What is wrong with a schema, and where. `strict`: so are keywords that nobody knows."""
    if not isinstance(schema, Mapping):
        yield (), "expected an object"
        return
    try:
        size = len(json.dumps(schema, default=str))
    except (RecursionError, ValueError):
        size = MAX_CHARS + 1
    if size > MAX_CHARS:
        yield (), f"is longer than {MAX_CHARS} characters, or nested too deep"
        return
    stack: list[tuple[Path, Any]] = [((), schema)]
    for number in range(MAX_SCHEMAS + 1):
        if not stack:
            return
        path, one = stack.pop()
        if isinstance(one, bool):
            continue
        if len(path) > MAX_DEPTH * 2 or number == MAX_SCHEMAS:
            yield path, "the schema is nested too deep or holds too many schemas"
            return
        if not isinstance(one, Mapping):
            yield path, "is no schema"
            continue
        yield from _keywords(path, one, strict=strict)
        stack += _inner(path, one)


def _keywords(path: Path, schema: Mapping[str, Any], *, strict: bool) -> Iterator[tuple[Path, str]]:
    known = MAPS | LISTS | SINGLE | PLAIN
    for key, value in schema.items():
        at = (*path, str(key))
        if key in REFUSED or (key == "$id" and path):
            yield at, "is not supported"
        elif key not in known and strict and not str(key).startswith("x-"):
            yield at, "unknown keyword"
        elif key == "$ref" and not (isinstance(value, str) and value.startswith("#")):
            yield at, "only references inside the schema are followed: #/$defs/…"
        elif key == "$schema" and "2020-12" not in str(value):
            yield at, "only draft 2020-12 is read"
        elif key == "pattern" and _matcher(str(value)) is None:
            yield at, "is no pattern without look-around, of at most 500 characters"
        elif key == "patternProperties" and isinstance(value, Mapping):
            for name in value:
                if _matcher(str(name)) is None:
                    yield (*at, str(name)), "is no pattern without look-around"


def _inner(path: Path, schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for key, value in schema.items():
        if key in MAPS and isinstance(value, Mapping):
            yield from (((*path, key, str(name)), one) for name, one in value.items())
        elif key in LISTS and isinstance(value, list):
            yield from (((*path, key, str(place)), one) for place, one in enumerate(value))
        elif key in MAPS | LISTS | SINGLE:
            yield (*path, key), value


class OutputSchema:
    """One schema, ready to judge outputs."""

    def __init__(self, schema: Any, *, strict: bool = False) -> None:
        """Raises InputError for one that cannot be used."""
        for path, what in problems_of(schema, strict=strict):
            raise InputError(what, where="/".join(("schema", *path)))
        try:
            Draft202012Validator.check_schema(schema, format_checker=None)
        except (InvalidSchema, RecursionError) as error:
            raise InputError("is no JSON Schema", where="schema") from error
        self._validator = _Bounded(schema, registry=Registry())

    def judge(self, text: str, read: Callable[[bytes], Any]) -> Misfit | None:
        """Why a text does not satisfy it; None if it does. `read` raises InputError."""
        try:
            value = read(text.strip().encode("utf-8", "replace"))
        except InputError as error:
            return Misfit("schema.not_json", str(error))
        token = _budget.set(_Budget(STEPS + 2 * len(text)))
        try:
            first = next(self._validator.iter_errors(value), None)
        except (_TooMuch, RecursionError, Unresolvable, ArithmeticError, LimitError) as error:
            return Misfit("schema.unusable", f"could not be judged: {type(error).__name__}")
        finally:
            _budget.reset(token)
        if first is None:
            return None
        place = "/".join(str(part) for part in first.absolute_schema_path)
        return Misfit("schema.mismatch", f"breaks {place[:200]}")


def _counted(check: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        budget.left -= 1
        if budget.left < 0:
            raise _TooMuch
        yield from check(validator, value, instance, schema) or ()

    return counted


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> SchemaValidator | None:
    """Finds a pattern in linear time; None for one that cannot be used."""
    if len(pattern) > MAX_PATTERN:
        return None
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return None


def _finds(pattern: str, text: str) -> bool:
    matcher = _matcher(pattern)
    if matcher is None:
        raise LimitError("holds a pattern that cannot be used")
    return matcher.isinstance_python(text)


def _pattern(_: Any, pattern: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _finds(pattern, instance):
        yield ValidationError("has not the form that it must have")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _: Any
) -> Iterator[ValidationError]:
    for pattern, inner in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _finds(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in named or any(_finds(pattern, name) for pattern in patterns):
            continue
        if inner is False:
            yield ValidationError("has a field that is not named")
        else:
            yield from validator.descend(value, inner, path=name)


def _unique(_: Any, wanted: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len({_key(v) for v in instance}) < len(instance):
        yield ValidationError("holds a value twice")


def _key(value: Any) -> Any:
    """Equal for values that are equal in JSON: 1 is 1.0, and not true."""
    if isinstance(value, dict):
        return "object", frozenset((name, _key(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(_key(inner) for inner in value)
    return (type(value).__name__ if isinstance(value, bool | str) else "", value)


_OWN: Final = {"pattern": _pattern, "patternProperties": _pattern_properties,
               "additionalProperties": _additional, "uniqueItems": _unique}  # fmt: skip
_Bounded: Final[Any] = create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        keyword: _counted(_OWN.get(keyword, check))
        for keyword, check in Draft202012Validator.VALIDATORS.items()
        if keyword not in REFUSED
    },
    type_checker=Draft202012Validator.TYPE_CHECKER,
    id_of=lambda _: "",
)
