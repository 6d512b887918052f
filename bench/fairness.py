"""Group metrics with intervals beside fairlearn's MetricFrame with its own bootstrap, in one run.

    python -m bench.fairness

Both compute the same seven rates of every group, of everybody, and the largest difference and ratio
between groups. fairlearn's time for 1,000 replicates of a million rows would be hours, so it is run
once without replicates and once with a few, and the difference a replicate is multiplied. On fewer
rows it draws as many replicates as ours, and the intervals are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score, precision_score

from strongroom.assess.measures.groups import RATES, Cells, Least, Measured, measure
from strongroom.assess.measures.money import Blocks

ROWS, GROUPS, REPLICATES = 1_000_000, 20, 1_000
FEW = 1
"""Replicates of a million rows that fairlearn draws."""
SMALL, SMALL_REPLICATES = 5_000, 300
"""Rows and replicates of the comparison of intervals."""
ENDS = [0.025, 0.975]


def unfavoured(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Not flagged: the favourable outcome."""
    return 1 - selection_rate(y_true, y_pred)


METRICS = {
    "selection": selection_rate,
    "favourable": unfavoured,
    "tpr": true_positive_rate,
    "fnr": false_negative_rate,
    "fpr": false_positive_rate,
    "precision": precision_score,
    "accuracy": accuracy_score,
}


def run() -> str:
    """The section, in some five CPU minutes, nearly all of them fairlearn's."""
    rng = np.random.default_rng(0)
    big = people(rng, ROWS, GROUPS)
    ours, found = cpu(lambda: counted(*big, GROUPS, REPLICATES))
    plain, frame = cpu(lambda: metric_frame(*big, None))
    few, _ = cpu(lambda: metric_frame(*big, FEW))
    theirs = plain + (few - plain) / FEW * REPLICATES
    apart = max(
        np.abs(frame.by_group[name].to_numpy() - found.values[name]).max() for name in RATES
    )
    amounts = rng.lognormal(3, 2, ROWS)
    money, _ = cpu(lambda: summed(*big, amounts))
    about = (
        f"{ROWS:,} rows in {GROUPS} groups, seven rates of each, largest differences and ratios, "
        f"{REPLICATES:,} bootstrap replicates. fairlearn {version('fairlearn')}: {plain:.1f} CPU "
        f"seconds without replicates, {few:.1f} with {FEW}; its time for {REPLICATES:,} is "
        "extrapolated."
    )
    rows = [
        (f"Strongroom, {REPLICATES:,} replicates", ours),
        ("fairlearn `MetricFrame`, no replicates", plain),
        (f"fairlearn `MetricFrame`, {REPLICATES:,} replicates (extrapolated)", theirs),
        (f"Strongroom, errors in money by group, {REPLICATES:,} replicates", money),
    ]
    lines = ["## Fairness of groups", "", about, ""]
    lines += ["| | CPU seconds | × ours |", "|---|---:|---:|"]
    lines += [f"| {what} | {seconds:,.3g} | {seconds / ours:,.0f} |" for what, seconds in rows]
    lines += ["", f"Largest difference of any rate of any group: {apart:.1e}. {intervals()}"]
    return "\n".join(lines)


def people(rng: np.random.Generator, rows: int, groups: int) -> tuple[np.ndarray, ...]:
    """Group, label, and decision, which depends on both."""
    group, labels = rng.integers(0, groups, rows), (rng.random(rows) < 0.2).astype(int)
    flagged = rng.random(rows) < 0.1 + 0.3 * labels + 0.005 * group
    return group, labels, flagged


def cpu(work: Callable[[], object]) -> tuple[float, object]:
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


def counted(
    group: np.ndarray, labels: np.ndarray, flagged: np.ndarray, groups: int, replicates: int
) -> Measured:
    cells = Cells.of(group, labels, flagged, groups)
    drawn = cells.redraw(np.random.default_rng(1), replicates)
    return measure(cells, drawn, Least())


def summed(group: np.ndarray, labels: np.ndarray, flagged: np.ndarray, amounts: np.ndarray) -> None:
    cell = group * 4 + labels * 2 + flagged
    Blocks.of(cell, amounts, GROUPS * 4).redraw(np.random.default_rng(1), REPLICATES)


def metric_frame(
    group: np.ndarray, labels: np.ndarray, flagged: np.ndarray, replicates: int | None
) -> MetricFrame:
    drawn = {} if replicates is None else {"n_boot": replicates, "ci_quantiles": ENDS}
    frame = MetricFrame(
        metrics=METRICS,
        y_true=labels,
        y_pred=flagged.astype(int),
        sensitive_features=pd.Series(group, name="group"),
        random_state=2,
        **drawn,
    )
    frame.difference()
    frame.ratio()
    return frame


def intervals() -> str:
    """Both intervals on fewer rows, in units of what chance makes of so many replicates."""
    small = people(np.random.default_rng(3), SMALL, 4)
    frame = metric_frame(*small, SMALL_REPLICATES)
    found = counted(*small, 4, SMALL_REPLICATES)
    # A percentile at 2.5 % of B replicates errs by √(p(1−p)/B) / density; both sides err.
    p = ENDS[0]
    error = np.sqrt(2 * p * (1 - p) / SMALL_REPLICATES) / 0.0584
    off = []
    for name in RATES:
        spread = (found.high[name] - found.low[name]) / (2 * 1.96)
        for end, made in zip(frame.by_group_ci, (found.low[name], found.high[name]), strict=True):
            off.extend(np.abs(end[name].to_numpy() - made) / (spread * error))
    beyond = np.mean(np.array(off) > 2)
    return (
        f"On {SMALL:,} rows in 4 groups with {SMALL_REPLICATES} replicates each, the {len(off)} "
        f"ends of the intervals differ by {np.median(off):.1f} Monte Carlo errors in the median, "
        f"{np.max(off):.1f} at most, {beyond:.0%} by more than two (about 5 % expected)."
    )


if __name__ == "__main__":
    print(run())
