"""One data set, judged: personal data, secrets, repeats, outliers, shape, labels, lineage.

The digest and repeats are of all rows; the rest of the first rows, and its message says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from strongroom.assess.checks.data.personal_data import as_texts
from strongroom.assess.datasets.figures import FENCE, Repeats, far_out
from strongroom.assess.datasets.likeness import breaks
from strongroom.assess.datasets.lineage import Lineage
from strongroom.assess.datasets.reading import Dataset
from strongroom.assess.personal_data import KINDS, found
from strongroom.assess.scanner.place import odd, unjudged
from strongroom.assess.scanner.report import FileReport, Hazard, Rating
from strongroom.assess.secrets import Secret, find_secrets
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Severity

SAMPLE: Final = 100_000
"""Rows in which personal data, secrets and outliers are looked for."""
TEXTS: Final = 2**21
"""Characters of a column that are searched for secrets."""
NOISE: Final = 0.05
"""Share of suspect labels from which on a person has to look; our proposal, no standard."""
REPEATS: Final = 0.01
"""Share of rows that repeat others from which on a person has to look; our proposal."""
SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class DataQuestions:
    """What is asked beyond the usual."""

    label: str | None = None
    """The column with the labels."""
    like: Path | None = None
    """A data set whose shape it must have."""


def judge_dataset(path: Path, asked: DataQuestions) -> FileReport:
    """Never raises for what is in the file; InputError for what was asked of it."""
    try:
        data = Dataset(path)
    except InputError as error:
        return FileReport.of(path, "unknown", [unjudged("data.unread", str(error))])
    try:
        hazards = [*_whole(data), *_sampled(data, asked)]
    except InputError as error:
        hazards = [unjudged("data.unread", str(error), fix=error.fix)]
    return FileReport.of(path, data.form, hazards)


def _whole(data: Dataset) -> Iterator[Hazard]:
    lineage = Lineage(list(data.schema))
    same, near, rows = Repeats(), Repeats(near=True), 0
    for batch in data.batches():
        rows += batch.height
        lineage.add(batch)
        same.add(batch)
        near.add(batch)
    if not rows:
        yield unjudged("data.empty", "no rows")
    twice = same.count()
    nearly = near.count() - twice
    yield _note("data.lineage", f"{rows} rows, {len(data.schema)} columns", str(lineage.digest()))
    if twice or nearly:
        much = twice > REPEATS * rows
        text = f"{twice} of {rows} rows repeat an earlier one, {nearly} more do but for rounding"
        yield odd(
            "data.duplicates",
            text,
            attack="data_quality",
            rating=Rating.REVIEW if much else Rating.CLEAN,
            severity=Severity.LOW,
            fix="find out where they come from: copies weigh twice, and may join train and test",
        )


def _sampled(data: Dataset, asked: DataQuestions) -> Iterator[Hazard]:
    sample = data.head(SAMPLE)
    for name in sample.columns:
        yield from _personal(sample[name])
        yield from _secrets(sample[name])
    if outliers := far_out(sample):
        shown = ", ".join(f"{name} ({count})" for name, count in list(outliers.items())[:SHOWN])
        text = f"values more than {FENCE:g} interquartile ranges beyond the quartiles: {shown}"
        yield _note("data.outliers", f"{text}; of the first {sample.height} rows", None)
    if asked.like is not None:
        yield from _likeness(sample, asked.like)
    if asked.label is not None:
        yield from _labels(data, asked.label)


def _note(rule: str, text: str, call: str | None) -> Hazard:
    return odd(rule, text, rating=Rating.CLEAN, severity=Severity.INFO, call=call)


def _personal(column: pl.Series) -> Iterator[Hazard]:
    texts = as_texts(column)
    if texts is None or not len(texts):
        return
    values = texts.unique()
    for kind in KINDS:
        hits = int(found(values, column.name, kind).sum())
        if hits:
            yield odd(
                f"data.{kind.name}",
                f"column {column.name[:80]} holds {hits} different {kind.title}",
                attack="personal_data",
                references=("CWE-359",),
                severity=Severity.HIGH,
                fix="drop the column, or put a keyed hash in its place",
            )


def _secrets(column: pl.Series) -> Iterator[Hazard]:
    if column.dtype not in {pl.String, pl.Categorical, pl.Enum}:
        return
    seen: dict[str, list[Secret]] = {}
    text = "\n".join(column.cast(pl.String).drop_nulls().unique(maintain_order=True))[:TEXTS]
    for secret in find_secrets(text):
        seen.setdefault(secret.kind, []).append(secret)
    for kind, secrets in seen.items():
        sure = any(s.sure for s in secrets)
        yield odd(
            kind,
            f"column {column.name[:80]} holds {secrets[0].title} ({secrets[0].shown}), "
            f"in {len(secrets)} values",
            attack="exposed_secret",
            references=("CWE-798", "CWE-312"),
            rating=Rating.BLOCK if sure else Rating.REVIEW,
            severity=Severity.HIGH if sure else Severity.MEDIUM,
            fix="revoke it where it was made, and drop it from the data",
        )


def _likeness(sample: pl.DataFrame, like: Path) -> Iterator[Hazard]:
    reference = Dataset(like).head(SAMPLE)
    for text in list(breaks(sample, reference))[: 5 * SHOWN]:
        yield odd(
            "data.schema_break",
            text[:300],
            attack="schema_break",
            references=("AML.T0020",),
            fix=f"compare with {like.name}",
        )


def _labels(data: Dataset, label: str) -> Iterator[Hazard]:
    # Of an extra, and slow to import.
    from strongroom.assess.datasets.labels import ROWS, judge_labels  # noqa: PLC0415

    judged = judge_labels(data.head(ROWS), label)
    first = ", ".join(str(row + 1) for row in judged.suspect[:SHOWN]) or "none"
    text = (
        f"{len(judged.suspect)} of {judged.rows} labels ({judged.share:.1%}) contradict the rest "
        f"of their rows, by cleanlab; the least plausible: rows {first}"
    )
    yield odd(
        "data.labels",
        text,
        attack="label_poisoning",
        references=("AML.T0020", "OWASP ML02:2023"),
        rating=Rating.REVIEW if judged.share > NOISE else Rating.CLEAN,
        fix="look at these rows, and at who labelled them",
    )
