"""Drafts a manifest from what lies in a folder: looks much, asks little."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from strongroom.domain.errors import InputError
from strongroom.governance.columns import ColumnFacts, read_columns
from strongroom.governance.guess import (
    FeatureGuess,
    SchemaGuess,
    guess_schema,
    likely_target,
    targets,
)
from strongroom.governance.jurisdictions import places
from strongroom.governance.manifest import Criticality, EntityType
from strongroom.governance.strict_yaml import plain_scalar
from strongroom.governance.survey import Found, feature_names, look

SCHEMA_FILE: Final = "strongroom.schema.json"
"""Written beside the manifest, for editors."""
_TRAIN: Final = re.compile(r"(^|[^a-z])(train|training|dev|development)([^a-z]|$)")
_TEST: Final = re.compile(r"(^|[^a-z])(test|testing|holdout|valid|validation|eval)([^a-z]|$)")
_BARE: Final = re.compile(r"[A-Za-z_][\w.-]*( [\w.-]+)*\Z", re.ASCII)

_YAML_1_1_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


def _nothing(_answer: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """Something that cannot be seen from the files."""

    key: str
    text: str
    default: str | None
    """What is taken if nobody answers; None if there is no sane one."""
    choices: tuple[str, ...] = ()
    sure: bool = False
    """There is little doubt about the default: do not bother people with it."""
    refuse: Callable[[str], str | None] = _nothing
    """Why an answer will not do, or None."""


Ask: TypeAlias = Callable[[Question], str]
"""Returns the answer; the default is an answer too."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest that has not been written yet."""

    text: str
    notes: tuple[str, ...]
    """What was guessed and should be looked over."""


def draft_manifest(folder: Path, ask: Ask, *, user: str, country: str) -> Draft:
    """A manifest for the model and tables below `folder`.

    `user` and `country` are the defaults for owner and jurisdiction. Raises InputError where
    there is no model, no pair of tables or no label.
    """
    found = look(folder)
    model = _model(ask, found)
    train, test = _tables(ask, found)
    columns = read_columns([folder / train, folder / test])
    target = _target(ask, columns)
    named = feature_names(folder / model)
    schema = guess_schema(columns, target, named)
    answers = _identity(ask, folder, target, user, country)
    files = Files(model, train, test, found.requirements[0] if found.requirements else None)
    in_order = bool(named) and tuple(f.name for f in schema.features) == named
    notes = _notes(answers, schema, files, named=in_order)
    lines = _lines(answers, schema, files)
    return Draft("\n".join(lines) + "\n", tuple(notes))


@dataclass(frozen=True, slots=True)
class Files:
    """What the manifest names, relative to its folder."""

    model: str
    train: str
    test: str
    dependencies: str | None


def _model(ask: Ask, found: Found) -> str:
    if not found.models:
        raise InputError(
            "found no model file (.onnx, LightGBM .txt, XGBoost .json/.ubj, .skops, .joblib)",
            fix="put it into the folder, or write strongroom.yaml by hand",
        )
    sure = len(found.models) == 1
    return ask(Question("model", "Which file is the model?", found.models[0], found.models, sure))


def _tables(ask: Ask, found: Found) -> tuple[str, str]:
    if len(found.tables) < 2:
        raise InputError(
            f"found {len(found.tables)} tables (Parquet or CSV), two are needed",
            fix="split your data by time into train.parquet and test.parquet",
        )
    train = _table(ask, "train", "Which table was it trained on?", found.tables, _TRAIN)
    rest = tuple(name for name in found.tables if name != train)
    return train, _table(ask, "test", "Which table is it tested on?", rest, _TEST)


def _table(ask: Ask, key: str, text: str, names: tuple[str, ...], usual: re.Pattern[str]) -> str:
    likely = [name for name in names if usual.search(_stem(name))]
    sure = len(likely) == 1 or len(names) == 1
    default = (likely or names)[0] if likely or sure else None
    return ask(Question(key, text, default, names, sure))


def _stem(name: str) -> str:
    return Path(name).stem.lower()


def _target(ask: Ask, columns: Sequence[ColumnFacts]) -> str:
    """The label; asked for only where it is in doubt."""
    candidates = targets(columns)
    if not candidates:
        raise InputError(
            "no column holds 0 and 1 in both tables, so none can be the label",
            fix="write the label as 0 (honest) and 1 (fraud)",
        )
    likely = likely_target(columns)
    question = "Which column is the label? (1 is fraud)"
    return ask(Question("target", question, likely, tuple(candidates), sure=likely is not None))


def _identity(ask: Ask, folder: Path, target: str, user: str, country: str) -> dict[str, str]:
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:63].strip("-")
    known = places()
    country = known.often_meant.get(country, country)
    questions = (
        Question("name", "What is it called?", name or "fraud-model", refuse=_bad_name),
        Question("owner", "Who answers for it?", user),
        Question("purpose", "What is it for?", f"Flags payments: predicts {target}"),
        Question(
            "jurisdictions",
            "Where is it used? (country codes, EU)",
            country if country in known.codes else "US",
            refuse=_unknown_country,
        ),
        Question("entity_type", "Who operates it?", "bank", tuple(EntityType)),
        Question("criticality", "How much hangs on it?", "high", tuple(Criticality)),
    )
    return {**{q.key: ask(q) for q in questions}, "trained_by": user}


def _notes(
    answers: Mapping[str, str], schema: SchemaGuess, files: Files, *, named: bool
) -> Iterator[str]:
    where, who = answers["jurisdictions"], answers["entity_type"]
    yield f"which law applies follows from jurisdictions {where} and entity_type {who}: right?"
    if named:
        yield f"features and their order are as {files.model} names them"
    else:
        yield (
            f"{files.model} does not name its features: the {len(schema.features)} numeric columns "
            "are taken in the order of the table; check it"
        )
    if schema.left_out:
        shown = ", ".join(schema.left_out[:8]) + (", …" if len(schema.left_out) > 8 else "")
        yield f"left out: {shown}"
    if not any(feature.mutable_by for feature in schema.features):
        yield "no feature is mutable_by an attacker yet: say which the payer or merchant can set"
    if not schema.sensitive:
        yield "no column looks like a protected attribute: name them under sensitive if there are"
    if not files.dependencies:
        yield "no requirements file: name one with hashes under dependencies"


def _lines(answers: Mapping[str, str], schema: SchemaGuess, files: Files) -> Iterator[str]:
    codes = _codes(answers["jurisdictions"])
    yield f"# yaml-language-server: $schema={SCHEMA_FILE}"
    yield "# Drafted by `strongroom init` from the files in this folder. What it guessed is yours"
    yield "# to correct; `strongroom controls` shows what follows from it."
    yield "version: 1"
    yield "system:"
    yield f"  name: {scalar(answers['name'])}"
    yield f"  owner: {scalar(answers['owner'])}"
    yield f"  purpose: {scalar(answers['purpose'])}"
    yield "  kind: ml_model"
    yield f"  criticality: {answers['criticality']}"
    yield f"  jurisdictions: [{', '.join(map(scalar, codes))}]"
    yield f"  entity_type: {answers['entity_type']}"
    yield "model:"
    yield f"  path: {scalar(files.model)}"
    yield f"  trained_by: {scalar(answers['trained_by'])}  # may not approve it"
    yield "  # training: {command: [python, train.py, --output, '{output}'], seed: 7}"
    yield "data:"
    for name, path in (("train", files.train), ("test", files.test)):
        yield f"  {name}: {{path: {scalar(path)}, classification: confidential}}"
    yield "  schema:"
    yield f"    target: {scalar(schema.target)}  # 1 is fraud"
    for role, column in (("time", schema.time), ("entity", schema.entity), ("id", schema.id)):
        if column is not None:
            yield f"    {role}: {scalar(column)}"
    yield f"    sensitive: [{', '.join(map(scalar, schema.sensitive))}]"
    yield "    # In the order in which the model reads them; ranges are the data's, rounded out."
    yield "    features:"
    for feature in schema.features:
        yield f"      - {{{', '.join(_feature(feature))}}}"
    yield "# fallback: what judges payments while the model is out of use, and who switches to it"
    if files.dependencies:
        yield f"dependencies: {scalar(files.dependencies)}"


def _codes(answer: str) -> list[str]:
    return [code for code in re.split(r"[\s,;\[\]]+", answer.upper()) if code]


def _unknown_country(answer: str) -> str | None:
    known = places()
    for code in _codes(answer) or [answer]:
        if code not in known.codes:
            meant = known.often_meant.get(code, "two letters, such as MY or CH, or EU")
            return f"{code} is no country code: write {meant}"
    return None


def _bad_name(answer: str) -> str | None:
    good = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", answer)
    return None if good else "use lower-case letters, digits, - and _"


def _feature(feature: FeatureGuess) -> Iterator[str]:
    yield f"name: {scalar(feature.name)}"
    yield f"type: {feature.type}"
    for field, number in (("min", feature.min), ("max", feature.max), ("step", feature.step)):
        if number is not None:
            yield f"{field}: {_number(number)}"
    if feature.categories:
        yield f"categories: [{', '.join(map(scalar, feature.categories))}]"
    if feature.mutable_by:
        yield f"mutable_by: [{', '.join(feature.mutable_by)}]"


def _number(value: float) -> str:
    whole = value == int(value) and abs(value) < 1e15
    return str(int(value)) if whole else repr(value)


def scalar(text: str) -> str:
    """Text as a YAML scalar, quoted where we or a reader of YAML 1.1 would take it for another."""
    bare = _BARE.match(text) and isinstance(plain_scalar(text), str)
    if bare and text.lower() not in _YAML_1_1_WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)
