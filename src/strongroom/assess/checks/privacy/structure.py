"""What the model's build alone gives away, before anybody attacks it.

**Threat.** A model may hold people because of how it is made: rows kept as they are, leaves of two
people, as many parameters as rows, groups so alike that a score tells the label of each.

**Method.** Nothing is attacked or trained. The model scores its training rows once; rows with the
same score form a class. Leaves and parameters are counted in the opened model (LightGBM, XGBoost,
scikit-learn); of ONNX only scores can be judged, and the finding says so. The kinds of risk are
those that statistical disclosure control looks for in models (SACRO-ML, "structural attack").

**Attacker's knowledge.** The model file; for the classes, the training rows, as an insider has.

**Figures.** `parameters`; `freedom`: training rows less parameters, as a share of rows, below 0 for
a model that could store each row; `below_k`: share of training rows whose score fewer than `k` rows
share; `disclosed`: share of training rows in a class of `k` or more whose labels are all the same
and flagged, so that the score *is* the label; `smallest_leaf`: training rows in the smallest leaf.

**Fails** for models that keep training rows (nearest neighbours, support vectors) and for settings
that let a leaf hold fewer than five people. **What to do**: raise the least rows of a leaf, choose
a model that keeps no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from pydantic import Field

from strongroom.assess.attacks.structure import insides_of, score_classes
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "privacy.structure"
_REFERENCES: Final = ("ATLAS AML.T0024.000", "OWASP ML03:2023", "OWASP ML04:2023")


class StructureSettings(Settings):
    """How small is too small."""

    k: int = Field(default=10, ge=2, le=1_000)
    """Rows that must share a score (our proposal; statistical offices use 3 to 30)."""
    min_leaf: int = Field(default=5, ge=1, le=1_000)
    """Fewest rows that the settings may let a leaf hold."""
    round_to: float = Field(default=1e-6, gt=0, lt=1)
    """Scores that differ by less are the same to whoever sees them."""


@check(
    "privacy.structure",
    version=1,
    title="How the model is built does not give people away",
    needs=("model", "data.train"),
    settings=StructureSettings,
)
def structure(case: Case, settings: StructureSettings) -> Iterator[Said]:
    """Count what the model holds, and how alike its answers are."""
    x, y = case.features("data.train"), case.labels("data.train")
    if not len(x):
        raise InputError("no training rows", fix="train on some")
    classes = score_classes(case.scorer.score(x), y, settings.round_to)
    small = classes.rows < settings.k
    telling = ~small & (classes.flagged == classes.rows)
    yield Metric.exact("below_k", float(classes.rows[small].sum()) / len(y), len(y))
    yield Metric.exact("disclosed", float(classes.rows[telling].sum()) / len(y), len(y))
    yield _sizes(classes.rows)
    insides = insides_of(case.scorer, x)
    if insides.parameters is not None:
        yield Metric.exact("parameters", insides.parameters, len(y))
        yield Metric.exact("freedom", 1 - insides.parameters / len(y), len(y))
    if insides.smallest_leaf is not None:
        yield Metric.exact("smallest_leaf", insides.smallest_leaf, len(y))
    if insides.keeps_rows:
        yield Finding(
            f"{_RULE}.keeps_rows",
            Outcome.FAIL,
            f"{insides.kind} keeps training rows: who has the file has the people in it",
            Severity.CRITICAL,
            fix="use a model that keeps no rows, or treat the file as the data itself",
            references=_REFERENCES,
        )
    if insides.least_leaf is not None and insides.least_leaf < settings.min_leaf:
        yield Finding(
            f"{_RULE}.tiny_leaves",
            Outcome.FAIL,
            f"its settings let a leaf hold {insides.least_leaf:g} rows, fewer than "
            f"{settings.min_leaf}",
            Severity.MEDIUM,
            fix=f"train with at least {settings.min_leaf} rows in a leaf",
            references=_REFERENCES,
        )
    yield _measured(classes.rows[small].sum() / len(y), insides.parameters, insides.kind, settings)


def _sizes(rows: Any) -> Curve:
    """How many rows share a score with how many: the share of rows in classes of at most x."""
    order = np.sort(rows)
    covered = np.cumsum(order) / order.sum()
    last = np.flatnonzero(np.r_[order[1:] != order[:-1], True])[:200]
    points = tuple((float(order[i]), float(covered[i])) for i in last)
    return Curve("rows that share a score", "rows in the class", "share of training rows", points)


def _measured(
    alone: float, parameters: int | None, kind: str, settings: StructureSettings
) -> Finding:
    counted = (
        f"{kind} with {parameters} parameters"
        if parameters is not None
        else f"{kind}: parameters and leaves cannot be counted, only scores were judged"
    )
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{counted}; {alone:.1%} of training rows have a score that fewer than {settings.k} share.",
        Severity.INFO,
        facts={"knowledge": "the model file; the training rows for the classes of scores"},
        references=_REFERENCES,
    )
