"""The classifier before a language model sees attacks, and leaves innocent texts alone.

**What it looks at**: the trained detector (`model`) on labelled texts (`texts`: JSONL, one file a
set), each from a user or inside data, as its line says. The detector is read and run by itself:
patterns and the normaliser of the guard would only add to what it catches.

**What it reports**, by set, with Wilson's 95 % interval: `recall[SET]` of its attacks, and
`false_alarms[SET]` of its innocent texts. A text is flagged from the score `from_score` on.

**Fails** nothing by itself: the catalog's bounds on both figures do, and the owner's. **Unknown**
without attacks in any set, or without innocent texts.

**What to do**: add what it misses, and what it stops by mistake, to the training data; keep these
sets out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import share
from strongroom.assess.texts import Classifier, Labelled, open_classifier, sets_of
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome, Severity

NAME: Final = "llm.guard_recall"
EVERY: Final = 50
"""Texts between two tellings of progress."""


class Reading(Settings):
    """Settings of `llm.guard_recall`."""

    reader: str = "injection"
    """Name of the entry point (`strongroom.text_classifiers`) that reads the model."""
    from_score: float = Field(default=0.5, gt=0, le=1)
    """Texts with this score or a higher one are flagged."""


@check(
    NAME,
    version=1,
    title="The guard sees attacks and leaves customers alone",
    needs=("model", "texts"),
    settings=Reading,
    time_limit=3600.0,
)
def guard_recall(case: Case, settings: Reading) -> Iterator[Said]:
    """Score every text, and count by set and label."""
    sets = sets_of(case.path("texts"))
    labels = {row.label for rows in sets.values() for row in rows}
    if labels != {0, 1}:
        raise InputError("texts of one sort only", fix="label attacks 1 and innocent texts 0")
    classifier = open_classifier(settings.reader, case.path("model"))
    total, done = sum(map(len, sets.values())), 0
    for name, rows in sets.items():
        flagged: list[bool] = []
        for row in rows:
            flagged.append(_flagged(classifier, row, settings.from_score))
            done += 1
            if done % EVERY == 0:
                case.progress(done, total)
        for label, figure in ((1, "recall"), (0, "false_alarms")):
            yield from _figure(f"{figure}[{name}]", rows, flagged, label)
    yield Finding(
        f"{NAME}.measured",
        Outcome.PASS,
        f"{total} texts of {len(sets)} sets were scored",
        Severity.INFO,
        facts={"reader": settings.reader, "from_score": settings.from_score},
    )


def _flagged(classifier: Classifier, row: Labelled, least: float) -> bool:
    score = classifier(row.text, row.source != "user")
    if not 0 <= score <= 1:  # NaN is caught too: a score that says nothing must not pass
        raise InputError(f"the classifier gave {score}, which is no score from 0 to 1")
    return score >= least


def _figure(
    name: str, rows: Sequence[Labelled], flagged: Sequence[bool], label: int
) -> Iterator[Said]:
    of_label = [hit for row, hit in zip(rows, flagged, strict=True) if row.label == label]
    if of_label:
        yield share(name, sum(of_label), len(of_label))
