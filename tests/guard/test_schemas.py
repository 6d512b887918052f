"""Schemas of outputs: what they say, and that nobody's schema harms who reads it."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jsonschema", reason="needs the gateway extra")

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.body import read_json
from strongroom.guard.policy import read_policy
from strongroom.guard.schemas import MAX_CHARS, OutputSchema, problems_of

PAYMENT = {
    "type": "object",
    "properties": {
        "iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}$"},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "uniqueItems": True},
    },
    "required": ["iban", "amount"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "string", "maxLength": 35}},
}


def said(schema, text: str):
    misfit = OutputSchema(schema).judge(text, read_json)
    return misfit and misfit.kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"iban": "GB82WEST12345698765432", "amount": 5}', None),
        ('\n {"iban": "GB82WEST12345698765432", "amount": 0.5, "lines": ["a", "b"]} ', None),
        ('{"iban": "GB82 WEST", "amount": 5}', "schema.mismatch"),
        ('{"iban": "GB82WEST12345698765432", "amount": 0}', "schema.mismatch"),
        ('{"iban": "GB82WEST12345698765432", "amount": 1, "note": "x"}', "schema.mismatch"),
        ('{"iban": "GB82WEST12345698765432", "amount": 1, "lines": ["a", "a"]}', "schema.mismatch"),
        ('{"iban": "GB82WEST12345698765432", "amount": 1, "amount": 9}', "schema.not_json"),
        ('{"iban": "GB82WEST12345698765432", "amount": NaN}', "schema.not_json"),
        ('Here you are: {"iban": "GB82WEST12345698765432", "amount": 5}', "schema.not_json"),
        ("[" * 5_000, "schema.not_json"),
    ],
)
def test_an_output_satisfies_a_schema_or_not(text, kind) -> None:
    assert said(PAYMENT, text) == kind


def test_what_is_told_quotes_nothing_of_the_output() -> None:
    misfit = OutputSchema(PAYMENT).judge('{"iban": "SECRET", "amount": 5}', read_json)
    assert misfit is not None
    assert misfit.what == "breaks properties/iban/pattern"


@pytest.mark.parametrize(
    ("left", "right", "equal"), [("1", "1.0", True), ("1", "true", False), ('"1"', "1", False),
                                 ('{"a":[1]}', '{"a":[1.0]}', True)]
)  # fmt: skip
def test_values_are_equal_as_json_has_it(left, right, equal) -> None:
    kind = said({"type": "array", "uniqueItems": True}, f"[{left},{right}]")
    assert kind == ("schema.mismatch" if equal else None)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1/x"}, {"$ref": "other.json"}, {"pattern": "(?=a)"},
        {"pattern": "a" * 501}, {"pattern": "(?:[a-z]{1,900}){1,900}"},
        {"items": {"$id": "https://x.example/"}}, {"type": "objekt"}, {"properties": []},
        {"patternProperties": {"(?<=a)": {}}}, {"unevaluatedProperties": False}, [], "x",
        {"$schema": "http://json-schema.org/draft-04/schema#"}, {"enum": ["x" * MAX_CHARS]},
        {"allOf": [{"allOf": [{"not": 5}]}]},
    ],
    ids=str,
)  # fmt: skip
def test_schemas_that_cannot_be_used_are_refused(schema) -> None:
    with pytest.raises(InputError):
        OutputSchema(schema)


def test_a_schema_that_is_nested_too_deep_is_refused() -> None:
    deep: dict = {}
    for _ in range(200):
        deep = {"items": deep}
    with pytest.raises(InputError, match="too deep"):
        OutputSchema(deep)


def doubling(levels: int) -> dict:
    """2^levels ways through it."""
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**defs, f"d{levels}": {"type": "string"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (doubling(40), '"x"'),
        ({"$ref": "#"}, "1"),
        ({"$defs": {"n": {"properties": {"a": {"allOf": [{"$ref": "#/$defs/n"}] * 2}}}},
          "$ref": "#/$defs/n"}, '{"a":' * 40 + "1" + "}" * 40),
        ({"multipleOf": 0.1}, "1" + "0" * 400),
        ({"$ref": "#/default", "default": {"$ref": "http://127.0.0.1:1/x"}}, "1"),
        ({"$ref": "#/default", "default": {"pattern": "(?=a)"}}, '"a"'),
    ],
    ids=["doubling", "loop", "deep", "huge number", "hidden address", "hidden pattern"],
)  # fmt: skip
def test_what_cannot_be_judged_within_limits_satisfies_nothing(schema, text) -> None:
    assert said(schema, text) == "schema.unusable"


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(x+x+)+y", "([a-z]*)*!"])
def test_no_pattern_takes_more_than_linear_time(pattern) -> None:
    assert said({"pattern": pattern}, json.dumps("ax" * 50_000)) == "schema.mismatch"
    assert said({"patternProperties": {pattern: True}}, json.dumps({"a" * 50_000: 1})) is None


def test_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/s.json"
        schema = {"$ref": "#/examples/0", "examples": [{"$ref": url}], "$id": url}
        assert said(schema, "{}") == "schema.unusable"
        with pytest.raises(TimeoutError):
            server.accept()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["type", "$ref", "items", "properties", "allOf", "pattern", "not", "enum",
                         "$defs", "if", "minimum", "required", "additionalProperties", "x"]),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(schema=JSON, value=JSON)
def test_any_schema_is_refused_or_judges(schema, value) -> None:
    list(problems_of(schema, strict=True))
    try:
        made = OutputSchema(schema)
    except InputError:
        return
    made.judge(json.dumps(value), read_json)


def test_a_policys_schema_is_read_with_the_policy() -> None:
    with pytest.raises(InputError) as told:
        read_policy(b"version: 1\noutput:\n  json_schema:\n    type: object\n    requird: [a]\n")
    assert "requird: unknown keyword" in str(told.value)
    with pytest.raises(InputError, match="names no schema"):
        read_policy(b"version: 1\noutput: {chars: 5}\n")
    with pytest.raises(InputError, match="no place in a text"):
        read_policy(b"version: 1\nactions: {schema: {output: {mask: 0.5}}}\n")
