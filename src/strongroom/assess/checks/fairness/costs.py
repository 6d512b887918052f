"""What do the model's errors cost each group, in money?

**Method.** A rate counts people; this counts their money. For each group of each sensitive
attribute, at one threshold for all: what part of the good payments' money is declined, what part
of the fraud's money is missed, and what both cost with the unit costs of the settings, for each
unit of money that the group pays. The amounts are a column of the test data.

**Figures.** Between the worst pair of groups that are large enough: `declined_gap[attribute]`,
`missed_gap[attribute]` (shares of money), `cost_gap[attribute]` (cost for each unit paid), and
`cost[attribute]`, the highest cost of a group. `cost` is that of everybody. Intervals are of
bootstraps over blocks of rows with like amounts, in which mean and variance of each sum are exact.

**How to read them.** Two groups may be flagged equally often and yet one pays more, because its
large payments are the ones declined. Unit costs are the owner's to state: the defaults (2 % of a
good payment declined, all of a missed fraud) are our proposal. One very large fraud can be most of
a group's money: the intervals show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, check
from strongroom.assess.checks.fairness._ground import (
    Decided,
    Decisions,
    Split,
    decided,
    left_out,
    metric,
    points,
    rounded,
    splits,
    unknown,
)
from strongroom.assess.measures.groups import Bools, Counts, Estimate, Floats, disparity
from strongroom.assess.measures.money import Blocks
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome, Severity

_RULE: Final = "fairness.costs"
_METHOD: Final = "bootstrap over blocks of amounts"
_MOST: Final = 1e15
"""An amount beyond this is no amount of money."""
_TN, _FP, _FN, _TP = range(4)
_SAID: Final = {"declined": "declined", "missed": "missed", "cost": "errors cost"}
"""Each share in the sentence of the finding."""


class CostSettings(Decisions):
    """Settings of `fairness.costs`."""

    amount: str | None = None
    """Column with the money; by default the one whose name ends in *amount* or *amt*."""
    declined_share: float = Field(default=0.02, ge=0, le=1)
    """What declining a good payment costs, as a share of it."""
    declined_each: float = Field(default=0.0, ge=0)
    """And once for each, in the unit of the amounts: a call, a letter."""
    missed_share: float = Field(default=1.0, ge=0, le=1)
    """What is lost of a missed fraud."""
    missed_each: float = Field(default=0.0, ge=0)
    """And once for each: a chargeback fee."""


@check(
    _RULE,
    version=1,
    title="No group bears much more of the cost of errors than another",
    needs=("model", "data.test"),
    settings=CostSettings,
)
def costs(case: Case, settings: CostSettings) -> Iterator[Said]:
    """Sum money by group and kind of error."""
    found = list(splits(case, settings, _RULE))
    yield from (one for one in found if not isinstance(one, Split))
    single = [one for one in found if isinstance(one, Split)]
    if not single:
        return
    amounts = _amounts(case, settings)
    made = decided(case, settings)
    yield made.metric
    for done, split in enumerate(single):
        yield from _attribute(case, settings, made, split, amounts)
        case.progress(done + 1, len(single))
    everybody = Split("", ("all",), np.zeros(len(amounts), dtype=np.int64))
    whole = _sums(case, settings, made, everybody, amounts)
    yield metric(
        "cost",
        Estimate.of(float(whole.here["cost"][0]), whole.drawn["cost"][:, 0]),
        len(amounts),
        _METHOD,
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """Shares of money by group, as they are and as they were drawn again."""

    here: Mapping[str, Floats]
    """`declined`, `missed`, `cost`: (groups,)."""
    drawn: Mapping[str, Floats]
    """The same: (replicates, groups)."""
    rows: Counts
    """(groups, 4)"""
    money: Floats
    """(groups, 4)"""

    def fit(self, settings: CostSettings) -> dict[str, Bools]:
        """Which groups are large enough for each share, and have money in it."""
        large = self.rows.sum(axis=1) >= settings.min_rows
        good = self.rows[:, [_TN, _FP]].sum(axis=1) >= settings.min_labelled
        bad = self.rows[:, [_FN, _TP]].sum(axis=1) >= settings.min_labelled
        known = {name: np.isfinite(values) for name, values in self.here.items()}
        return {
            "declined": large & good & known["declined"],
            "missed": large & bad & known["missed"],
            "cost": large & good & bad & known["cost"],
        }


def _sums(
    case: Case, settings: CostSettings, made: Decided, split: Split, amounts: Floats
) -> _Sums:
    groups = len(split.names)
    cell = split.group * 4 + (made.labels != 0) * 2 + made.flagged
    blocks = Blocks.of(cell, amounts, groups * 4)
    money, rows = blocks.sums().reshape(-1, 4), blocks.counts().reshape(-1, 4)
    rng = case.rng(f"{_RULE}.{split.attribute}")
    drawn_money, drawn_rows = blocks.redraw(rng, settings.replicates)
    shape = (-1, groups, 4)
    drawn = _shares(drawn_money.reshape(shape), drawn_rows.reshape(shape), settings)
    return _Sums(_shares(money, rows, settings), drawn, rows, money)


def _shares(money: Floats, rows: NDArray[np.int64], settings: CostSettings) -> dict[str, Floats]:
    """Of money and rows (…, groups, 4); NaN where there is no money to be a share of."""
    tn, fp, fn, tp = np.moveaxis(money, -1, 0)
    cost = settings.declined_share * fp + settings.missed_share * fn
    cost = cost + settings.declined_each * rows[..., _FP] + settings.missed_each * rows[..., _FN]
    return {
        "declined": _share(fp, tn + fp),
        "missed": _share(fn, fn + tp),
        "cost": _share(cost, tn + fp + fn + tp),
    }


def _share(part: Floats, whole: Floats) -> Floats:
    made: Floats = part / np.where(whole > 0, whole, np.nan)
    return made


def _attribute(
    case: Case, settings: CostSettings, made: Decided, split: Split, amounts: Floats
) -> Iterator[Said]:
    sums = _sums(case, settings, made, split, amounts)
    words = []
    for name, fit in sums.fit(settings).items():
        eligible = np.flatnonzero(fit)
        if eligible.size < 2:
            yield unknown(
                _RULE,
                "too_small",
                f"{split.attribute}: fewer than two groups are large enough to compare {name} "
                f"({settings.min_rows} rows, {settings.min_labelled} of the label)",
                where=split.attribute,
                fix="test on more rows",
            )
            continue
        here, drawn = sums.here[name], sums.drawn[name]
        worst = disparity(here, drawn, eligible)
        n = int(sums.rows[eligible].sum())
        yield metric(f"{name}_gap[{split.attribute}]", worst.gap, n, _METHOD)
        each = [Estimate.of(float(here[g]), drawn[:, g]) for g in eligible]
        if name == "cost":
            yield metric(f"cost[{split.attribute}]", max(each, key=lambda e: e.value), n, _METHOD)
        yield points(split, name, eligible, here[eligible], [(e.low, e.high) for e in each])
        words.append(
            f"{_SAID[name]} {here[worst.lowest]:.2%} of the money of {split.names[worst.lowest]}, "
            f"{here[worst.highest]:.2%} of {split.names[worst.highest]}"
        )
    if words:
        yield _measured(split, sums, settings, "; ".join(words))


def _measured(split: Split, sums: _Sums, settings: CostSettings, words: str) -> Finding:
    rows = sums.rows.sum(axis=1)
    large = rows >= settings.min_rows
    table = [
        {
            "group": split.names[g],
            "money": rounded(sums.money[g].sum()),
            "good_declined": rounded(sums.money[g, _FP]),
            "fraud_missed": rounded(sums.money[g, _FN]),
            **{name: rounded(values[g]) for name, values in sums.here.items()},
        }
        for g in np.flatnonzero(large)
    ]
    unit = {
        name: getattr(settings, name)
        for name in ("declined_share", "declined_each", "missed_share", "missed_each")
    }
    return Finding(
        f"{_RULE}.measured",
        Outcome.PASS,
        f"{split.attribute}: {words}.",
        Severity.INFO,
        where=split.attribute,
        facts={
            "groups": table,
            "left_out": left_out(split, rows, large),
            "unit_costs": unit,
        },
    )


def _amounts(case: Case, settings: CostSettings) -> Floats:
    """The money of each test row. Raises InputError where it is not known."""
    frame = case.frame("data.test")
    name = settings.amount
    where = f"settings.{_RULE}.amount"
    if name is None:
        named = [c for c in frame.columns if c.lower().endswith(("amount", "amt"))]
        if len(named) != 1:
            raise InputError(
                f"{len(named)} columns of the test data are named like an amount",
                where=where,
                fix="name the column with the money",
            )
        name = named[0]
    if name not in frame.columns or not frame[name].dtype.is_numeric():
        raise InputError(f"{name} is no column of numbers of the test data", where=where)
    values = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if bad := int(np.count_nonzero(~((values >= 0) & (values <= _MOST)))):
        raise InputError(
            f"{name} is missing, negative or beyond {_MOST:g} in {bad} rows",
            where=where,
            fix="leave refunds and rows without an amount out, or take another column",
        )
    return values
