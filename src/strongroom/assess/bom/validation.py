"""Holding a bill against what its own specification ships: schema or model, offline."""

from __future__ import annotations

from strongroom.domain.canonical import parse_json
from strongroom.domain.errors import InputError, MissingExtra


def validate(document: bytes) -> None:
    """CycloneDX 1.7 against the strict schema. Raises InputError, MissingExtra."""
    try:
        # Optional and heavy: only those who validate need it.
        from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
        from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("bom", "validating a bill of materials") from error
    problem = JsonStrictValidator(SchemaVersion.V1_7).validate_str(document.decode("utf-8"))
    if problem is not None:
        raise InputError(f"not a valid CycloneDX 1.7 document: {problem!s:.500}", where="bom")


def validate_spdx(document: bytes) -> None:
    """SPDX 3.0.1 against the classes that SPDX generates from its own model.

    Every class and property must be known, of its type, and there as often as the model's shapes
    say; every reference must lead to an element of the document. Raises InputError, MissingExtra.
    """
    try:
        # Optional and heavy, as above.
        from spdx_python_model.bindings.v3_0_1 import model  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("bom", "validating an SPDX document") from error
    found = model.SHACLObjectSet()
    try:
        model.JSONLDDeserializer().deserialize_data(parse_json(document, where="bom"), found)
        missing = found.link()
        # Counts are judged on the way out.
        model.JSONLDSerializer().serialize_data(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"not a valid SPDX 3.0.1 document: {error!s:.500}", where="bom") from error
    if missing:
        raise InputError(f"SPDX document refers to what it lacks: {sorted(missing)[:3]}")
