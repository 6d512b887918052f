"""Rules across fields that no single type can state; each yields the problems it sees.

Rules read the raw values and pass over what is malformed, so that people see everything at once:
the shape of the parts is somebody else's business (`shape.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path as FolderPath
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from strongroom.domain.errors import InputError
from strongroom.governance.bounds import loosened
from strongroom.governance.catalog import load_catalog
from strongroom.governance.constraint_rules import constraint_rules
from strongroom.governance.jurisdictions import places
from strongroom.governance.manifest import Bound, Feature, Kind, System
from strongroom.governance.paths import below
from strongroom.governance.problems import Path, Problem, did_you_mean
from strongroom.governance.relations import parse_relation
from strongroom.governance.shape import validate

PATHS: Final = (
    ("model", "path"),
    ("data", "train", "path"),
    ("data", "test", "path"),
    ("texts",),
    ("dependencies",),
)
"""Every field that holds a path."""
SCHEMA: Final = ("data", "schema")
FEATURES: Final = (*SCHEMA, "features")
ROLES: Final = ("target", "time", "entity", "id")
"""Fields of the schema that name one column."""

MAX_PROBLEMS: Final = 500
"""Of one rule; more are as good as endless."""

M = TypeVar("M", bound=BaseModel)


def broken_rules(value: Any, system: System | None, folder: FolderPath) -> list[Problem]:
    """Every rule that the manifest breaks, as far as its parts can be read."""
    rules = (
        _paths(value, folder),
        _jurisdictions(value),
        _columns(value),
        _relations(value),
        _each(Feature, value, FEATURES, feature_rules),
        _each(Bound, value, ("thresholds",), bound_rules),
        _settings(value),
        system_rules(system) if system is not None else (),
        constraint_rules(system) if system is not None else (),
    )
    return [problem for rule in rules for problem in islice(rule, MAX_PROBLEMS)]


def _jurisdictions(value: Any) -> Iterator[Problem]:
    """Countries exist and stand once: a code that nobody knows would bind nothing."""
    at = ("system", "jurisdictions")
    known = places()
    codes = _texts(value, at)
    yield from _twice(codes)
    for where, code in codes:
        if code not in known.codes and re.fullmatch("[A-Z]{2}", code):
            meant = known.often_meant.get(code)
            fix = f"write {meant}" if meant else "use ISO 3166-1 alpha-2, or EU"
            yield Problem(where, f"{code} is no country code", fix)


def _columns(value: Any) -> Iterator[Problem]:
    """Each column has one meaning, and the label is no feature."""
    names = _feature_names(value)
    yield from _twice(names)
    yield from _twice(_texts(value, (*SCHEMA, "sensitive")))
    target = _text(value, (*SCHEMA, "target"))
    for where, name in names:
        if name == target:
            fix = "remove it: the model may not read its own label"
            yield Problem(where, "the target is among the features", fix)
    taken: dict[str, str] = {}
    for where, name in _roles(value):
        role = str(where[len(SCHEMA)])
        first = taken.setdefault(name, role)
        if first != role:
            yield Problem(where, f"column {name} is already the {first}", "name it once")


def _roles(value: Any) -> list[tuple[Path, str]]:
    single = [((*SCHEMA, role), _text(value, (*SCHEMA, role))) for role in ROLES]
    named = [(where, name) for where, name in single if name is not None]
    return [*named, *_texts(value, (*SCHEMA, "sensitive"))]


def _feature_names(value: Any) -> list[tuple[Path, str]]:
    features = _at(value, FEATURES)
    count = len(features) if isinstance(features, list) else 0
    paths: list[Path] = [(*FEATURES, index, "name") for index in range(count)]
    return [(at, name) for at in paths if (name := _text(value, at)) is not None]


def _relations(value: Any) -> Iterator[Problem]:
    """Relations can be read, and speak of columns that are declared."""
    known = {name for _, name in (*_feature_names(value), *_roles(value))}
    for where, text in _texts(value, (*SCHEMA, "relations")):
        try:
            relation = parse_relation(text)
        except InputError as error:
            yield Problem(where, error.what, error.fix)
            continue
        for name in sorted(relation.columns - known):
            near = did_you_mean(name, known)
            fix = f"did you mean `{near}`?" if near else "declare it among the features"
            yield Problem(where, f"speaks of column {name}, which nothing declares", fix)


def feature_rules(feature: Feature, at: Path) -> Iterator[Problem]:
    """Ranges, steps and categories fit the type."""
    low, high = feature.min, feature.max
    if low is not None and high is not None and low > high:
        yield Problem((*at, "min"), f"min {low:g} is above max {high:g}", "swap them")
    if feature.type == "category" and feature.categories is None:
        yield Problem(at, f"category {feature.name} lists no categories", "add `categories: […]`")
    if feature.categories is not None:
        if feature.type != "category":
            fix = "write `type: category`, or remove the categories"
            yield Problem((*at, "categories"), f"categories on a {feature.type} feature", fix)
        if not feature.categories:
            yield Problem((*at, "categories"), "is empty", "list every value of the column")
        where = (*at, "categories")
        yield from _twice([((*where, i), str(c)) for i, c in enumerate(feature.categories)])
    if feature.type in ("bool", "category"):
        for name in ("min", "max", "step"):
            if getattr(feature, name) is not None:
                what = f"a {feature.type} feature has no {name}"
                yield Problem((*at, name), what, "remove it")
    if feature.type == "int":
        for name in ("min", "max", "step"):
            number = getattr(feature, name)
            if number is not None and number != int(number):
                yield Problem((*at, name), f"{number:g} is not whole", "write `type: float`")


def bound_rules(bound: Bound, at: Path) -> Iterator[Problem]:
    """A bound bounds something that some check measures, and no law is loosened by it."""
    low, high = bound.at_least, bound.at_most
    if low is None and high is None:
        yield Problem(at, "bounds nothing", "add `at_least: …` or `at_most: …`")
    if low is not None and high is not None and low > high:
        yield Problem(at, f"at_least {low:g} is above at_most {high:g}", "swap them")
    yield from _check_name(bound.check, (*at, "check"))
    for requirement, threshold in loosened(load_catalog(), bound):
        yield Problem(
            at,
            f"{bound.metric} would be looser than {requirement.id} allows ({threshold})",
            f"tighten it, or ask for a waiver of {requirement.id}",
        )


def system_rules(system: System) -> Iterator[Problem]:
    """A model that we assess ourselves comes with its model, and what it is judged by."""
    kind = system.system.kind
    if kind is Kind.ML_MODEL:
        for name, part in (("model", system.model), ("data", system.data)):
            if part is None:
                fix = f"add `{name}:`; `strongroom init` writes one from what it finds"
                yield Problem((name,), "is missing: an ml_model has a model and data", fix)
    elif kind is Kind.LLM_GUARD:
        for name, given in (("model", system.model), ("texts", system.texts)):
            if given is None:
                what = "is missing: an llm_guard has a model and labelled texts"
                yield Problem((name,), what, f"add `{name}:`")


def _settings(value: Any) -> Iterator[Problem]:
    settings = _at(value, ("settings",))
    for name in settings if isinstance(settings, dict) else ():
        yield from _check_name(name, ("settings", name))


def _check_name(name: str, at: Path) -> Iterator[Problem]:
    """A name that no requirement needs may be a plug-in's; a near miss is a slip."""
    known = load_catalog().checks
    if "@" in name:
        bare, _, _ = name.partition("@")
        yield Problem(at, f"{name}: a check is named without its version", f"write {bare}")
    elif name not in known and (near := did_you_mean(name, known)):
        yield Problem(at, f"{name} is no check", f"did you mean `{near}`?")


def _paths(value: Any, folder: FolderPath) -> Iterator[Problem]:
    for at in PATHS:
        path = _at(value, at)
        if isinstance(path, str) and path:
            try:
                below(folder, path)
            except InputError as error:
                yield Problem(at, error.what, error.fix)


def _twice(named: list[tuple[Path, str]]) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for where, name in named:
        if first.setdefault(name, where) != where:
            yield Problem(where, f"{name} stands twice", "keep one of them")


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return None
    return value


def _text(value: Any, at: Path) -> str | None:
    found = _at(value, at)
    return found.strip() if isinstance(found, str) else None


def _texts(value: Any, at: Path) -> list[tuple[Path, str]]:
    listed = _at(value, at)
    count = len(listed) if isinstance(listed, list) else 0
    paths: list[Path] = [(*at, index) for index in range(count)]
    return [(path, text) for path in paths if (text := _text(value, path)) is not None]


def _each(
    model: type[M], value: Any, at: Path, rules: Callable[[M, Path], Iterator[Problem]]
) -> Iterator[Problem]:
    """Hold those items of a list to the rules that are well formed by themselves."""
    listed = _at(value, at)
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        part, _ = validate(model, item, (*at, index))
        if part is not None:
            yield from rules(part, (*at, index))
