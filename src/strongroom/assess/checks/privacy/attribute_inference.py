"""Does the model tell somebody's sensitive attribute, beyond what the rest of the row tells?

**Threat.** Somebody who knows a customer's data but one attribute, and what the model said of him,
learns the attribute: sex, age band, health-related spending (ATLAS AML.T0024.001, OWASP ML03).

**Method.** The attacker's learner sees rows like the training data with the attribute (half of the
test rows), then guesses it for training rows and for the other half of the test rows. It does so
twice: from the other features and the true label alone, and with the model's score of the row and
of the row with every value that the attribute may have. Numbers are cut into bands at quantiles.

**Attacker's knowledge.** Every other feature, the label, the score; queries to the model, one for
each row and level; rows with the attribute to learn from.

**Figures.** `lift[attribute]`: right guesses with the model less right guesses without, on training
rows; `lift_unseen[attribute]`: the same on rows that the model never saw, which is what the model
teaches about everybody; their difference is what it remembers of its own. `accuracy[attribute]`,
`accuracy_without[attribute]` and `accuracy_prior[attribute]` (the commonest value) beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.attacks.attribute import Guesses, Known, answers_of, guess
from strongroom.assess.attacks.constraints import Floats
from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import resampled, share
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "privacy.attribute_inference"
_REFERENCES: Final = ("ATLAS AML.T0024.001", "OWASP ML03:2023")
_LEAST: Final = 100
"""Rows that the attacker learns from, at least, and that are guessed."""
_MIN_LEVEL: Final = 10
"""Rows of a level without which it is no level."""


class AttributeSettings(Settings):
    """Which attributes, on how many rows."""

    attributes: tuple[str, ...] | None = None
    """Columns to guess; by default those declared `sensitive`."""
    bands: int = Field(default=4, ge=2, le=20)
    """Into how many bands a number of many values is cut."""
    max_levels: int = Field(default=12, ge=2, le=50)
    """Above this many values a number is cut into bands, and a text is not guessed."""
    max_rows: int = Field(default=4_000, ge=200)
    """Rows learnt from, and rows guessed."""
    replicates: int = Field(default=1_000, ge=100, le=20_000)
    """Bootstrap replicates."""


@check(
    "privacy.attribute_inference",
    version=1,
    title="The model does not tell a sensitive attribute that the row does not",
    needs=("model", "data.train", "data.test"),
    settings=AttributeSettings,
)
def attribute_inference(case: Case, settings: AttributeSettings) -> Iterator[Said]:
    """Guess each attribute with and without the model."""
    names = case.schema.sensitive if settings.attributes is None else settings.attributes
    if not names:
        yield _unknown("no_attribute", "no attribute is declared sensitive", fix="name some")
        return
    lifts: list[tuple[str, Metric]] = []
    for done, name in enumerate(names):
        for said in _attribute(case, settings, name):
            yield said
            if isinstance(said, Metric) and said.name.startswith("lift["):
                lifts.append((name, said))
        case.progress(done + 1, len(names))
    if lifts:
        points = tuple((float(i), m.value) for i, (_, m) in enumerate(lifts))
        band = tuple((m.low, m.high) for _, m in lifts)
        yield Curve("lift of each attribute", "attribute, in order", "lift", points, band)
        yield _measured(lifts)


def _attribute(case: Case, settings: AttributeSettings, name: str) -> Iterator[Said]:
    try:
        train, test, candidates = _levels(case, settings, name)
    except InputError as error:
        yield _unknown("not_guessed", str(error))
        return
    rng = case.rng(f"{_RULE}.{name}")
    order = rng.permutation(np.flatnonzero(test >= 0))
    half = len(order) // 2
    taught, unseen = order[:half][: settings.max_rows], order[half:][: settings.max_rows]
    members = rng.permutation(np.flatnonzero(train >= 0))[: settings.max_rows]
    if min(len(taught), len(members)) < _LEAST:
        yield _unknown("too_few_rows", f"{name}: fewer than {_LEAST} rows to learn from or guess")
        return
    known = [
        _known(case, table, rows, codes[rows], name, candidates)
        for table, rows, codes in (
            ("data.test", taught, test),
            ("data.train", members, train),
            ("data.test", unseen, test),
        )
    ]
    levels, seed = len(candidates), int(rng.integers(2**31))
    seen = guess(known[0], known[1], levels, seed, threads=case.threads)
    others = guess(known[0], known[2], levels, seed, threads=case.threads)
    yield _lift(f"lift[{name}]", seen, rng, settings)
    yield _lift(f"lift_unseen[{name}]", others, rng, settings)
    for label, right in (
        ("accuracy", seen.with_model),
        ("accuracy_without", seen.without),
        ("accuracy_prior", seen.prior),
    ):
        yield share(f"{label}[{name}]", int(right.sum()), len(right))


def _lift(
    name: str, guesses: Guesses, rng: np.random.Generator, settings: AttributeSettings
) -> Metric:
    drawn = guesses.draw_lift(rng, settings.replicates)
    n = len(guesses.prior)
    return resampled(name, guesses.lift(), drawn, n, events=n, bounded=False)


def _known(
    case: Case,
    table: str,
    rows: NDArray[np.int64],
    values: NDArray[np.int64],
    name: str,
    candidates: Floats,
) -> Known:
    x, y = case.features(table)[rows], case.labels(table)[rows]
    names = [feature.name for feature in case.schema.features]
    column = names.index(name) if name in names else None
    others = x if column is None else np.delete(x, column, axis=1)
    answers = answers_of(case.scorer.score, x, column, candidates)
    return Known(np.column_stack([others, y]), answers, values)


def _levels(
    case: Case, settings: AttributeSettings, name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Places among the levels of both tables, -1 where unknown; and what stands for each level."""
    train, test = (_numbers(case, table, name) for table in ("data.train", "data.test"))
    found = np.unique(test[np.isfinite(test)])
    if len(found) > settings.max_levels:
        inner = np.linspace(0, 1, settings.bands + 1)[1:-1]
        edges = np.unique(np.quantile(test[np.isfinite(test)], inner))
        codes = [_banded(v, edges) for v in (train, test)]
        found = np.array([np.median(test[codes[1] == i]) for i in range(len(edges) + 1)])
    else:
        codes = [_placed(v, found) for v in (train, test)]
    full = np.bincount(codes[1][codes[1] >= 0], minlength=len(found)) >= _MIN_LEVEL
    if full.sum() < 2:
        raise InputError(f"{name} has fewer than two values with {_MIN_LEVEL} test rows each")
    place = np.append(np.where(full, np.cumsum(full) - 1, -1), -1)
    return place[codes[0]], place[codes[1]], found[full]


def _banded(values: Floats, edges: Floats) -> NDArray[np.int64]:
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)


def _placed(values: Floats, found: Floats) -> NDArray[np.int64]:
    place = np.minimum(np.searchsorted(found, values), len(found) - 1)
    return np.where(found[place] == values, place, -1)


def _numbers(case: Case, table: str, name: str) -> Floats:
    """The column as the model would read it, or as places among the values of both tables."""
    names = [feature.name for feature in case.schema.features]
    if name in names:
        return case.features(table)[:, names.index(name)]
    frame = case.frame(table)
    if name not in frame.columns:
        raise InputError(f"there is no column {name} in {table}")
    column = frame[name]
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    every = case.frame("data.test")[name].cast(pl.String).drop_nulls().unique().sort().to_list()
    places = {value: float(i) for i, value in enumerate(every)}
    return np.array([places.get(v, np.nan) for v in column.cast(pl.String).to_list()])


def _measured(lifts: list[tuple[str, Metric]]) -> Finding:
    worst, lift = max(lifts, key=lambda one: one[1].value)
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"With the model's answers {worst} is guessed right in {lift.value:+.1%} of cases more "
        f"than without (interval {lift.low:+.1%} to {lift.high:+.1%}); no attribute gains more.",
        Severity.INFO,
        facts={"knowledge": "every other feature, the label, scores; one query a row and level"},
        references=_REFERENCES,
    )


def _unknown(rule: str, message: str, *, fix: str | None = None) -> Finding:
    return Finding(
        f"{_RULE}.{rule}",
        Outcome.UNKNOWN,
        message,
        Severity.MEDIUM,
        fix=fix,
        references=_REFERENCES,
    )
