"""Can each decline be explained, would the same explanation be given again, and in words?

**Method.** Rows that the model flags are explained by Shapley values: by the library's own exact
path for LightGBM, XGBoost and CatBoost, exactly for logistic regression, else by sampled orders of
the features. Then the same rows are explained again after a change that should not matter: a little
noise in their fractional numbers, and models that were made anew by the same recipe from resampled
training rows. The main reasons are the `most` features that raise the score furthest above what is
usual (`reference`: all rows, or those that just passed).

**Figures.** `additivity_gap`: the largest distance of base and contributions, added up, from the
model's own score. `ranks[noise]`, `ranks[retrained]`: mean rank correlation of the contributions;
`kept[noise]`, `kept[retrained]`: mean share of a decline's main reasons that are named again.
`worded`: share of the model's features that have words for people. `reasonless`: share of declines
without any reason. `sensitive_reasons`: share of declines where a sensitive attribute is a main
reason. Intervals are bootstraps over the explained rows, or Wilson's.

**Fails** where contributions do not add up to the score, and where the words are of a kind that
12 CFR 1002.9(b)(2) calls insufficient (*did not reach a qualifying score*, *our policy*).

**How to read them.** `kept[retrained]` below one half means that the notice that a customer gets is
as much an accident of the training as of his application. Shapley values say what moved *this
model*, not what would have to change in the world. At most four reasons are usual because more are
not likely to help (Regulation B, comment 9(b)(2)-1); it binds creditors in the United States.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.checks.fairness._ground import Decided, Operating, decided, metric, unknown
from strongroom.assess.explain.reasons import (
    USUAL_MOST,
    Reason,
    Words,
    just_passed,
    named,
    principal_reasons,
    read_words,
)
from strongroom.assess.explain.sampled import Sampling
from strongroom.assess.explain.shapley import Explanation, explain
from strongroom.assess.explain.stability import agreement, jittered, mean_over_rows, spread_of
from strongroom.assess.measures.groups import Floats
from strongroom.assess.measures.intervals import share
from strongroom.assess.models import Scorer
from strongroom.assess.retrain import Recipe, make, recipe_of
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.paths import below

_RULE: Final = "fairness.explanations"
_REFERENCES: Final = ("12 CFR 1002.9", "15 U.S.C. 1691(d)")
_EXACT: Final = 1e-4
"""Probability by which exact contributions may miss the score: 32-bit trees round."""
_BACKGROUND: Final = 1_000
"""Training rows that say what is usual."""


class WordsFile(Settings):
    """A file with words for the reasons, pinned by its digest, since evidence rests on it."""

    path: str
    """TOML, below the manifest's folder: `version = 1` and a table `[reasons]`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file."""


class ExplanationSettings(Operating):
    """Settings of `fairness.explanations`."""

    rows: int = Field(default=500, ge=20, le=20_000)
    """Flagged rows that are explained, at most; as many others say what is usual."""
    most: int = Field(default=USUAL_MOST, ge=1, le=20)
    """Main reasons of a decline."""
    reference: Literal["all", "just_passed"] = "all"
    """Whose average contributions a decline is compared with."""
    words: WordsFile | None = None
    """Words for the features; their own names unless said."""
    noise: float = Field(default=0.01, gt=0, le=1)
    """Of a column's standard deviation."""
    retrained: int = Field(default=3, ge=0, le=20)
    """Models made anew."""
    train_rows: int = Field(default=20_000, ge=100)
    """Rows that one of them is trained on, at most."""
    pairs: int = Field(default=16, ge=2, le=1_000)
    """Sampled orders of the features, where there is no exact way."""
    replicates: int = Field(default=1_000, ge=100, le=100_000)
    """Bootstrap replicates."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What every part of the check needs."""

    case: Case
    settings: ExplanationSettings
    rows: Floats
    """Flagged rows."""
    scores: Floats
    background: Floats

    def explain(self, rows: Floats, scorer: Scorer | None = None) -> Explanation:
        """Of the assessed model, unless another is given."""
        return explain(
            scorer or self.case.scorer,
            rows,
            self.background,
            self.case.rng(f"{_RULE}.orders"),
            threads=self.case.threads,
            sampling=Sampling(self.settings.pairs),
        )


@check(
    _RULE,
    version=1,
    title="Declines have reasons that add up and stay the same",
    needs=("model", "data.train", "data.test"),
    settings=ExplanationSettings,
)
def explanations(case: Case, settings: ExplanationSettings) -> Iterator[Said]:
    """Explain flagged rows, explain them again, and put the reasons into words."""
    made = decided(case, settings)
    flagged = np.flatnonzero(made.flagged)
    if not flagged.size:
        raise InputError("the model flags nobody, so there is nothing to explain")
    rng = case.rng(_RULE)
    chosen = np.sort(rng.permutation(flagged)[: settings.rows])
    x, train = case.features("data.test"), case.features("data.train")
    usual = train[rng.permutation(len(train))[:_BACKGROUND]]
    work = _Work(case, settings, x[chosen], made.scores[chosen], usual)
    first = work.explain(work.rows)
    yield made.metric
    yield from _adds_up(work, first)
    case.progress(1, 3 + settings.retrained)
    yield from _again(work, first, rng)
    yield from _in_words(work, first, made, rng)


def _adds_up(work: _Work, first: Explanation) -> Iterator[Said]:
    gap = first.gap(work.scores)
    yield Metric.exact("additivity_gap", gap, len(work.rows))
    # Sampled contributions miss by the difference of two samples of the background.
    bad = gap > _EXACT and first.error is None
    names = [feature.name for feature in work.case.schema.features]
    size = np.abs(first.contributions)
    order = np.argsort(-size.mean(axis=0), kind="stable")
    error = None if first.error is None else round(float(first.error.mean()), 6)
    yield Finding(
        f"{_RULE}.{'does_not_add_up' if bad else 'adds_up'}",
        Outcome.FAIL if bad else Outcome.PASS,
        f"Contributions by {first.method} add up to the score within {gap:.2g}; largest on "
        f"average: {', '.join(names[i] for i in order[:5])}.",
        Severity.HIGH if bad else Severity.INFO,
        fix="export the model with a logistic objective and no rescaling of its output"
        if bad
        else None,
        facts={
            "method": first.method,
            "scale": first.scale,
            "mean_standard_error": error,
            "importance": {names[i]: round(float(size[:, i].mean()), 6) for i in order[:30]},
        },
    )
    most = order[:30]
    half = 1.96 * size[:, most].std(axis=0) / np.sqrt(len(size))
    mean = size[:, most].mean(axis=0)
    yield Curve(
        "importance",
        ", ".join(f"{place} = {names[i]}" for place, i in enumerate(most)),
        f"mean contribution to flagged rows, {first.scale}",
        tuple((float(place), float(value)) for place, value in enumerate(mean)),
        tuple((float(m - h), float(m + h)) for m, h in zip(mean, half, strict=True)),
    )


def _again(work: _Work, first: Explanation, rng: np.random.Generator) -> Iterator[Said]:
    case, settings = work.case, work.settings
    spread = spread_of(work.background)
    moved, names = jittered(work.rows, case.schema.features, spread, settings.noise, rng)
    if names:
        yield from _agree(work, "noise", first, [work.explain(moved)], rng)
    case.progress(2, 3 + settings.retrained)
    recipe = recipe_of(case.scorer)
    if settings.retrained and recipe.family == case.scorer.family:
        others = []
        for done in range(settings.retrained):
            others.append(work.explain(work.rows, _retrained(work, recipe, rng)))
            case.progress(3 + done, 3 + settings.retrained)
        yield from _agree(work, "retrained", first, others, rng)
    elif settings.retrained:
        yield unknown(
            _RULE,
            "not_retrained",
            f"a model of the family {case.scorer.family} does not say how it was made, so it "
            "cannot be told whether another like it would give the same reasons",
            fix="assess the model in its library's own format, or set retrained to 0",
        )


def _agree(
    work: _Work,
    what: str,
    first: Explanation,
    others: list[Explanation],
    rng: np.random.Generator,
) -> Iterator[Said]:
    """Means over the rows; of several others, their mean for each row."""
    compared = [agreement(first, other, work.settings.most) for other in others]
    for name in ("ranks", "kept"):
        values = np.mean([getattr(one, name) for one in compared], axis=0)
        estimate = mean_over_rows(values, rng, work.settings.replicates)
        yield metric(f"{name}[{what}]", estimate, len(values), "bootstrap over rows")


def _retrained(work: _Work, recipe: Recipe, rng: np.random.Generator) -> Scorer:
    x, y = work.case.features("data.train"), work.case.labels("data.train")
    chosen = rng.integers(0, len(x), min(len(x), work.settings.train_rows))
    if len(np.unique(y[chosen])) < 2:
        raise InputError("the training rows hold one class only, so no model can be made anew")
    seed = int(rng.integers(2**31))
    return make(recipe, x[chosen], y[chosen], seed, threads=work.case.threads)


def _in_words(
    work: _Work, first: Explanation, made: Decided, rng: np.random.Generator
) -> Iterator[Said]:
    case, settings = work.case, work.settings
    names = [feature.name for feature in case.schema.features]
    words = _words(case, settings, names)
    every = np.ones(len(made.scores), dtype=bool)
    pool = np.flatnonzero(
        just_passed(made.scores, made.threshold) if settings.reference == "just_passed" else every
    )
    compared = case.features("data.test")[rng.permutation(pool)[: settings.rows]]
    usual = work.explain(compared).contributions.mean(axis=0)
    told = principal_reasons(first, names, words, reference=usual, most=settings.most)
    n = len(told)
    yield Metric.exact("worded", float(words.digest is not None), len(names))
    yield share("reasonless", sum(not reasons for reasons in told), n)
    sensitive = set(case.schema.sensitive)
    touched = sum(any(sensitive & set(r.features) for r in reasons) for reasons in told)
    yield share("sensitive_reasons", touched, n)
    yield _told(told, words, settings)


def _words(case: Case, settings: ExplanationSettings, names: list[str]) -> Words:
    if settings.words is None:
        return named(names)
    words = read_words(below(case.folder, settings.words.path), names)
    if words.digest is None or words.digest.hex != settings.words.sha256:
        raise InputError(
            f"the words are another file than the manifest's: {words.digest}",
            where=f"settings.{_RULE}.words.sha256",
            fix="look at what changed, then put the file's digest there",
        )
    return words


def _told(
    told: tuple[tuple[Reason, ...], ...], words: Words, settings: ExplanationSettings
) -> Finding:
    counted = Counter(reason.words for reasons in told for reason in reasons)
    common = {text: round(count / len(told), 4) for text, count in counted.most_common(20)}
    vague = words.vague() if words.digest else ()
    said = ", ".join(f"{text} ({part:.0%})" for text, part in list(common.items())[:4])
    message = f"Main reasons of {len(told)} declines: {said or 'none'}."
    if vague:
        message += f" The words of {', '.join(vague[:5])} name no specific reason."
    return Finding(
        f"{_RULE}.{'vague_words' if vague else 'told'}",
        Outcome.FAIL if vague else Outcome.PASS,
        message,
        Severity.MEDIUM if vague else Severity.INFO,
        fix="say what of the applicant it was, as in sample form C-1 of 12 CFR 1002"
        if vague
        else None,
        facts={
            "reasons": common,
            "reference": settings.reference,
            "words": str(words.digest) if words.digest else None,
        },
        references=_REFERENCES,
    )
