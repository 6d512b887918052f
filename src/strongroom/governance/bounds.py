"""What an owner's bounds do to the catalog's thresholds: tighten any, loosen only adjustable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Threshold
from strongroom.governance.manifest import Bound
from strongroom.governance.requirement import Catalog, Limit, Requirement


def loosened(catalog: Catalog, bound: Bound) -> Iterator[tuple[Requirement, Threshold]]:
    """The thresholds that the bound would loosen though they may not be."""
    for requirement in catalog.requirements:
        for need in requirement.needs:
            if need.check.name != bound.check:
                continue
            for threshold in need.thresholds:
                if not _may_join(threshold, bound):
                    yield requirement, threshold


def join(requirement: Requirement, threshold: Threshold, bounds: Iterable[Bound]) -> Threshold:
    """The threshold with the owner's bounds on its metric in force.

    Of several bounds on one metric the tightest counts. Raises InputError, naming the requirement,
    for one that loosens what is not adjustable.
    """
    ours = [bound for bound in bounds if bound.metric == threshold.metric]
    for bound in ours:
        if not _may_join(threshold, bound):
            raise InputError(
                f"{bound.check} {bound.metric} would be looser than {requirement.id} allows "
                f"({threshold})",
                where="thresholds",
                fix=f"tighten it, or ask for a waiver of {requirement.id}",
            )
    lows = [bound.at_least for bound in ours if bound.at_least is not None]
    highs = [bound.at_most for bound in ours if bound.at_most is not None]
    if not lows and not highs:
        return threshold
    return Limit(
        threshold.metric,
        max(lows, default=threshold.at_least),
        min(highs, default=threshold.at_most),
        "; ".join(dict.fromkeys(bound.source for bound in ours)),
        isinstance(threshold, Limit) and threshold.adjustable,
    )


def _may_join(threshold: Threshold, bound: Bound) -> bool:
    if bound.metric != threshold.metric:
        return True
    if isinstance(threshold, Limit) and threshold.adjustable:
        return True
    low, high = bound.at_least, bound.at_most
    low_ok = low is None or threshold.at_least is None or low >= threshold.at_least
    high_ok = high is None or threshold.at_most is None or high <= threshold.at_most
    return low_ok and high_ok
