"""The AI bill of materials: one content, written as CycloneDX 1.7 and as SPDX 3.0.1."""

from strongroom.assess.bom.cyclonedx import build
from strongroom.assess.bom.materials import Ancestor, Materials, Seen
from strongroom.assess.bom.spdx import build_spdx
from strongroom.assess.bom.validation import validate, validate_spdx

__all__ = [
    "Ancestor",
    "Materials",
    "Seen",
    "build",
    "build_spdx",
    "validate",
    "validate_spdx",
]
