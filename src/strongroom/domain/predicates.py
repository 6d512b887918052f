"""Predicate types that others defined and that we sign too, and where each names the system.

Our own predicates have a field `system`; a bill of materials and a build's provenance are documents
of other people's specifications, which say it in a place of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SLSA_TYPE: Final = "https://slsa.dev/provenance/v1"
"""Source: slsa.dev, Build Provenance v1.0."""
FAILED_RUN_TYPE: Final = "urn:strongroom:failed-run:v1"
"""A run that failed, told like a provenance; a type of its own, so that nobody takes it for one."""
CYCLONEDX_TYPE: Final = "https://cyclonedx.org/bom"
"""Source: in-toto Attestation Framework, spec/predicates/cyclonedx.md."""
SPDX_TYPE: Final = "https://spdx.dev/Document"
"""Source: in-toto Attestation Framework, spec/predicates/spdx.md."""

_PLACES: Final[Mapping[str, tuple[str | int, ...]]] = {
    SLSA_TYPE: ("buildDefinition", "externalParameters", "system"),
    FAILED_RUN_TYPE: ("buildDefinition", "externalParameters", "system"),
    CYCLONEDX_TYPE: ("metadata", "component", "name"),
    SPDX_TYPE: ("@graph", 1, "name"),
}


def system_in(predicate_type: str, predicate: Mapping[str, Any]) -> str | None:
    """The system that a predicate is about, or None where it names none."""
    found: Any = predicate
    for step in _PLACES.get(predicate_type, ("system",)):
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found if isinstance(found, str) else None
