"""in-toto Statement v1: what every signed record of the house is on the wire.

Source: in-toto Attestation Framework, spec/v1/statement.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Something that was looked at, by name and by digest (an in-toto ResourceDescriptor)."""

    name: str
    """`model`, `data.train`, `manifest`, or a path."""
    digest: Digest


@dataclass(frozen=True, slots=True)
class Statement:
    """A predicate said about subjects."""

    predicate_type: str
    """A URI: `urn:strongroom:evidence:v1` and its siblings in `records.py`."""
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The canonical bytes that are signed."""
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "predicateType": self.predicate_type,
                "subject": [
                    {"name": s.name, "digest": {s.digest.algorithm: s.digest.hex}}
                    for s in self.subjects
                ],
                "predicate": self.predicate,
            }
        )

    @property
    def digest(self) -> Digest:
        """What evidence, decisions and approvals are referred to by."""
        return sha256(self.payload())

    @classmethod
    def parse(cls, payload: bytes, *, where: str = "statement") -> Statement:
        """Read and check the shape; trusts nothing. Raises InputError."""
        raw = parse_json(payload, where=where)
        try:
            if raw["_type"] != STATEMENT_TYPE:
                raise InputError(f"not an in-toto v1 statement: {raw['_type']!r}", where=where)
            return cls(
                predicate_type=_text(raw["predicateType"]),
                subjects=tuple(
                    Subject(_text(s["name"]), Digest(*_only(s["digest"]))) for s in raw["subject"]
                ),
                predicate=_mapping(raw["predicate"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"malformed in-toto statement: {error!r}", where=where) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _only(digests: Mapping[str, str]) -> tuple[str, str]:
    ((algorithm, value),) = digests.items()
    return _text(algorithm), _text(value)
