"""The published JSON Schema is the one that the models have, and editors can use it."""

import json
from importlib.resources import files

import jsonschema
import yaml

from strongroom.governance.schema import json_schema, published
from strongroom.testing.manifests import GOOD, changed


def test_the_published_file_is_up_to_date() -> None:
    text = files("strongroom.governance").joinpath("strongroom.schema.json").read_text("utf-8")
    assert text == published(), "run python -m strongroom.governance.schema > the file"


def test_it_accepts_what_loads_and_refuses_what_an_editor_should_mark() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert validator.is_valid(yaml.safe_load(GOOD))
    for pair in [
        ("kind: ml_model", "kind: robot"),
        ("owner:", "ownr:"),
        ("version: 1", "version: 3"),
    ]:
        assert not validator.is_valid(yaml.safe_load(changed(pair)))


def test_every_field_of_the_manifest_is_described_for_editors() -> None:
    bare = []
    for name, definition in {**json_schema()["$defs"], "System": json_schema()}.items():
        for field, schema in definition.get("properties", {}).items():
            if not (schema.get("description") or "$ref" in schema or "const" in schema):
                bare.append(f"{name}.{field}")
    assert bare == []
    assert json.loads(published())["title"] == "strongroom.yaml"
