"""CVSS 3.x base scores from their vectors.

Source: FIRST, Common Vulnerability Scoring System v3.1 Specification, section 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from strongroom.domain.outcome import Severity

_WEIGHTS: Final[Mapping[str, Mapping[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES: Final[Mapping[str, tuple[float, float]]] = {
    "N": (0.85, 0.85),
    "L": (0.62, 0.68),
    "H": (0.27, 0.5),
}
"""Unchanged scope, changed scope."""
_BANDS: Final = (
    (9.0, Severity.CRITICAL),
    (7.0, Severity.HIGH),
    (4.0, Severity.MEDIUM),
    (0.1, Severity.LOW),
    (0.0, Severity.INFO),
)


def base_score(vector: str) -> float | None:
    """0.0 to 10.0; None for another version or what is no vector."""
    head, _, rest = vector.partition("/")
    if head not in {"CVSS:3.0", "CVSS:3.1"}:
        return None
    said = dict(part.split(":", 1) for part in rest.split("/") if ":" in part)
    try:
        changed = {"C": True, "U": False}[said["S"]]
        w = {name: table[said[name]] for name, table in _WEIGHTS.items()}
        privileges = _PRIVILEGES[said["PR"]][changed]
    except KeyError:
        return None
    sub = 1 - (1 - w["C"]) * (1 - w["I"]) * (1 - w["A"])
    impact = 7.52 * (sub - 0.029) - 3.25 * (sub - 0.02) ** 15 if changed else 6.42 * sub
    exploitability = 8.22 * w["AV"] * w["AC"] * privileges * w["UI"]
    if impact <= 0:
        return 0.0
    return _up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def severity_of(vector: str) -> Severity | None:
    """In words, as section 5 of the specification has them."""
    score = base_score(vector)
    if score is None:
        return None
    return next(severity for least, severity in _BANDS if score >= least)


def _up(score: float) -> float:
    """Appendix A: rounded up to one decimal, without the errors of binary fractions."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10
