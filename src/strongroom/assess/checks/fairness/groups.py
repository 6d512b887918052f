"""Does the model flag, catch and wrongly accuse some groups more than others?

**Method.** Each attribute that the manifest calls sensitive splits the test rows into groups: its
values, or bands of a number. For each group: the share flagged (`selection`), flagged among label 1
(`tpr`), flagged among label 0 (`fpr`), and label 1 among the flagged (`precision`), at one
operating threshold for all.

**Figures.** Over the groups that are large enough, the worst pair: `selection_ratio[attribute]`
(least flagged over most flagged), `favourable_ratio[attribute]` (the same of *not* flagged),
`tpr_ratio[attribute]`, `tpr_gap[attribute]`, `fpr_gap[attribute]`. Intervals come from 1,000
multinomial bootstraps of the test rows, the worst pair sought anew in each: with many small groups
they are wide on purpose.

**How to read them.** The ratio of .80 is a screening value for the *favourable* outcome in United
States employment law (29 CFR 1607.4 D); it is not a rule for lending or payments, and a ratio above
it proves no absence of discrimination. Small groups make artefacts, so they are left out and named.
Equal rates for groups with unequal base rates are a choice, not a law of nature.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.fairness._ground import Decisions, Split, compare, decided, splits
from strongroom.assess.measures.groups import Cells, measure

_RULE: Final = "fairness.groups"


@check(
    _RULE,
    version=1,
    title="No group is treated much worse than another",
    needs=("model", "data.test"),
    settings=Decisions,
)
def groups(case: Case, settings: Decisions) -> Iterator[Said]:
    """Measure each sensitive attribute."""
    found = list(splits(case, settings, _RULE))
    if not any(isinstance(one, Split) for one in found):
        yield from (one for one in found if not isinstance(one, Split))
        return
    made = decided(case, settings)
    yield made.metric
    for done, one in enumerate(found):
        if not isinstance(one, Split):
            yield one
            continue
        cells = Cells.of(one.group, made.labels, made.flagged, len(one.names))
        drawn = cells.redraw(case.rng(f"{_RULE}.{one.attribute}"), settings.replicates)
        yield from compare(one, cells, measure(cells, drawn, settings.least), settings, _RULE)
        case.progress(done + 1, len(found))
