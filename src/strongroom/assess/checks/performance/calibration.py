"""The model's probabilities mean what they say.

**What it looks at**: the model's scores on `data.test`, taken as probabilities, against the target.

**What it reports**, each with its 95 % interval of 1,000 bootstrap resamples:

- `ece`: expected calibration error, the mean distance between stated and observed rate over 15 bins
  of equally many rows (Naeini and others, AAAI 2015). In the units of a probability.
- `brier_skill`: 1 - Brier score / Brier score of always stating the base rate. Below 0 the
  probabilities say less than the base rate does; with rare frauds an `ece` that looks small says
  little, which is why this stands beside it.
- the reliability curve: observed against stated rate by bin, with Wilson's interval.

**Fails** when the whole interval of `brier_skill` is below 0. **Unknown** with one class only.

**What to do**: calibrate on rows of their own (isotonic or Platt), after any reweighting or
resampling of the classes in training, which always shifts the probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.measures.intervals import resampled, wilson
from strongroom.assess.measures.ranking import Ranking, bootstrap, rank
from strongroom.assess.measures.reliability import BINS, bins_of, brier_skill, calibration_error
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME = "performance.calibration"


class Resampling(Settings):
    """Settings of `performance.calibration`."""

    resamples: int = Field(default=1000, ge=100, le=100_000)


@check(
    NAME,
    version=1,
    title="The model's probabilities mean what they say",
    needs=("model", "data.test"),
    settings=Resampling,
)
def calibration(case: Case, settings: Resampling) -> Iterator[Said]:
    """Hold stated rates against observed ones."""
    labels = case.labels("data.test")
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"{len(labels)} test rows of one class: no rate to compare with",
            fix="take test rows of both classes",
        )
    ranking = rank(labels, case.scorer.score(case.features("data.test")))
    # Bins and scores of the bootstrap are those of the ranking that it resamples.
    small = ranking.thinned()
    samples = bootstrap(
        small,
        {"ece": calibration_error(small), "brier_skill": brier_skill(small)},
        case.rng("bootstrap"),
        settings.resamples,
    )
    ece = float(calibration_error(ranking)(ranking.positives, ranking.negatives))
    skill = float(brier_skill(ranking)(ranking.positives, ranking.negatives))
    yield resampled("ece", ece, samples["ece"], ranking.n, events=ranking.events)
    metric = resampled(
        "brier_skill",
        skill,
        samples["brier_skill"],
        ranking.n,
        events=ranking.events,
        bounded=False,
    )
    yield metric
    yield _verdict(metric)
    yield _reliability(ranking)


def _verdict(skill: Metric) -> Finding:
    figures = f"brier_skill {skill.value:.3f} [{skill.low:.3f}, {skill.high:.3f}]"
    if skill.high < 0:
        return Finding(
            f"{NAME}.worse_than_base_rate",
            Outcome.FAIL,
            f"the probabilities say less than the base rate alone: {figures}",
            Severity.MEDIUM,
            fix="calibrate the model on rows of their own",
        )
    if skill.low < 0:
        return Finding(
            f"{NAME}.no_better_than_base_rate",
            Outcome.UNKNOWN,
            f"the probabilities cannot be told from the base rate: {figures}",
            fix="take more test rows, or calibrate the model",
        )
    return Finding(
        f"{NAME}.better_than_base_rate",
        Outcome.PASS,
        f"the probabilities say more than the base rate: {figures}",
        Severity.INFO,
    )


def _reliability(ranking: Ranking) -> Curve:
    place = bins_of(ranking)
    rows = np.bincount(place, ranking.positives + ranking.negatives, BINS)
    ones = np.bincount(place, ranking.positives, BINS)
    stated = np.bincount(place, (ranking.positives + ranking.negatives) * ranking.scores, BINS)
    filled = np.flatnonzero(rows)[::-1]  # the ranking begins with the highest scores
    return Curve(
        "reliability",
        "stated probability",
        "observed rate",
        tuple((float(stated[b] / rows[b]), float(ones[b] / rows[b])) for b in filled),
        tuple(wilson(float(ones[b]), float(rows[b])) for b in filled),
    )
