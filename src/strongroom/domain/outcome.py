"""Pass, fail, or unknown: and unknown is never pass."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """What a check, a threshold or a requirement came to."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"

    @classmethod
    def worst(cls, said: Iterable[Outcome]) -> Outcome:
        """The worst that was said; nothing said proves nothing."""
        heard = set(said)
        for outcome in (cls.FAIL, cls.UNKNOWN, cls.PASS):
            if outcome in heard:
                return outcome
        return cls.UNKNOWN


class Severity(StrEnum):
    """How much a finding matters, in the words of CVSS v3.1's qualitative scale."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
