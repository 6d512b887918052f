"""The JSON Schema of `strongroom.yaml`, for editors; `strongroom.schema.json` is its publication.

`python -m strongroom.governance.schema` prints it, and a test compares the two.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from strongroom.governance.manifest import System


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12), with the same names and limits as the models."""
    schema = System.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "strongroom.yaml",
        "description": "One governed AI system, as its owner declares it.",
    }


def published() -> str:
    """The text of the published file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published())
