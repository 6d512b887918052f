"""Are people in two groups at once treated much worse than the rest?

**Method.** As `fairness.groups`, but rows are split by each *pair* of the sensitive attributes:
women over 60, men under 25. A model can be even for women and men, for young and old, and still be
hard on young women: one attribute at a time does not show it (Kearns and others, ICML 2018). With
one sensitive attribute its own groups are all there is, and those are compared.

**Figures.** For each pair `a × b`: `selection_ratio[a × b]`, `favourable_ratio[a × b]`,
`tpr_ratio[a × b]`, `tpr_gap[a × b]`, `fpr_gap[a × b]` between the worst pair of groups, as in
`fairness.groups`; `hidden_gap[a × b]`: by how much the gap in being flagged is larger than that of
either attribute alone in the same rows; `covered[a × b]`: the share of rows in groups that are
large enough. The intervals are multinomial bootstraps, exact for these rates, the worst pair sought
anew in each.

**How to read them.** Groups below `min_rows` are left out and named without counts: their rates are
chance, and they may point at a person. So look at `covered` first. More groups mean a larger worst
gap by chance alone; the intervals say how much. The .80 ratio is a screening value of United States
employment law (29 CFR 1607.4 D) for the favourable outcome, not a rule for lending or payments.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.fairness._ground import (
    MAX_GROUPS,
    Decided,
    Decisions,
    Split,
    compare,
    decided,
    metric,
    splits,
    unknown,
)
from strongroom.assess.measures.groups import Cells, Counts, Estimate, Floats, measure, rates
from strongroom.assess.measures.intervals import share

_RULE: Final = "fairness.intersections"


@check(
    _RULE,
    version=1,
    title="No group of two attributes is treated much worse than another",
    needs=("model", "data.test"),
    settings=Decisions,
)
def intersections(case: Case, settings: Decisions) -> Iterator[Said]:
    """Measure each pair of sensitive attributes."""
    found = list(splits(case, settings, _RULE))
    yield from (one for one in found if not isinstance(one, Split))
    single = [one for one in found if isinstance(one, Split)]
    if not single:
        return
    made = decided(case, settings)
    yield made.metric
    pairs = list(combinations(single, 2))
    if not pairs:
        yield from _judge(case, settings, made, single[0], ())
    for done, (one, other) in enumerate(pairs):
        both = crossed(one, other)
        if len(both.names) > MAX_GROUPS:
            yield unknown(
                _RULE,
                "too_many_groups",
                f"{both.attribute} makes {len(both.names)} groups, {MAX_GROUPS} allowed",
                where=both.attribute,
                fix="give bands, or fewer of them, in the check's settings",
            )
            continue
        yield from _judge(case, settings, made, both, (one, other))
        case.progress(done + 1, len(pairs))


def crossed(one: Split, other: Split) -> Split:
    """Rows in groups by two attributes; only combinations that occur."""
    code = one.group * len(other.names) + other.group
    seen, group = np.unique(code, return_inverse=True)
    names = tuple(
        f"{one.names[c // len(other.names)]} × {other.names[c % len(other.names)]}" for c in seen
    )
    return Split(f"{one.attribute} × {other.attribute}", names, group.astype(np.int64))


def _judge(
    case: Case,
    settings: Decisions,
    made: Decided,
    split: Split,
    marginals: tuple[Split, ...],
) -> Iterator[Said]:
    cells = Cells.of(split.group, made.labels, made.flagged, len(split.names))
    drawn = cells.redraw(case.rng(f"{_RULE}.{split.attribute}"), settings.replicates)
    found = measure(cells, drawn, settings.least)
    yield from compare(split, cells, found, settings, _RULE)
    covered = int(cells.rows[found.fit["selection"]].sum())
    yield share(f"covered[{split.attribute}]", covered, len(made.labels))
    if marginals and "selection" in found.between:
        eligible = np.flatnonzero(found.fit["selection"])
        hidden = _hidden(cells, drawn, split, marginals, eligible)
        yield metric(f"hidden_gap[{split.attribute}]", hidden, covered)


def _hidden(
    cells: Cells,
    drawn: Counts,
    split: Split,
    marginals: tuple[Split, ...],
    eligible: NDArray[np.int64],
) -> Estimate:
    """The gap of the pair less the larger gap of its attributes, in the same rows and replicates.

    Only rows of groups that are large enough count on either side: so it is never below 0.
    """
    alone, again = [], []
    for marginal in marginals:
        # The group of each combination, from any one of its rows.
        first = np.unique(split.group, return_index=True)[1]
        into = np.zeros((len(split.names), len(marginal.names)), dtype=np.int64)
        into[eligible, marginal.group[first][eligible]] = 1
        counts = np.einsum("gc,gm->mc", cells.counts, into)
        large = np.flatnonzero(counts.sum(axis=1))
        alone.append(_gap(counts, large))
        again.append(_gap(np.einsum("rgc,gm->rmc", drawn, into), large))
    value = _gap(cells.counts, eligible) - np.max(alone, axis=0)
    return Estimate.of(float(value), _gap(drawn, eligible) - np.max(again, axis=0))


def _gap(counts: Counts, groups: NDArray[np.int64]) -> Floats:
    """Highest less lowest share flagged; 0 where there is one group."""
    selection = rates(counts)["selection"][..., groups]
    made: Floats = np.asarray(selection.max(axis=-1) - selection.min(axis=-1))
    return made
