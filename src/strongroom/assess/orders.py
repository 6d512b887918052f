"""Which checks are to run, and against which bounds: from the requirements that apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from strongroom.assess.check import CheckSpec, load_check
from strongroom.assess.history import History
from strongroom.domain.canonical import digest_of
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Threshold, tightest
from strongroom.governance.catalog import Need

MAX_AGE: Final = timedelta(days=90)
"""How long evidence holds where no requirement says."""


@dataclass(frozen=True, slots=True)
class Order:
    """One check to run."""

    spec: CheckSpec
    settings: Mapping[str, Any]
    """As the manifest gives them."""
    thresholds: tuple[Threshold, ...] = ()
    max_age: timedelta = MAX_AGE
    """How long the evidence holds."""

    def configuration(self, seed: int, history: History) -> Digest:
        """Of all that decides, beside the subjects, what the evidence says."""
        return digest_of(
            {
                "seed": seed,
                "settings": self.spec.configure(self.settings).model_dump(mode="json"),
                "thresholds": self.thresholds,
                "history": history.only(self.spec.history).identity(),
            }
        )


def orders_for(
    needs: Iterable[Need], settings: Mapping[str, Mapping[str, Any]], names: Sequence[str] = ()
) -> tuple[Order, ...]:
    """One order for each check that is needed, or for those named, sorted by name.

    `needs` are those of every requirement that applies; where several bound one metric, the
    tightest counts. `settings` are the manifest's, by check name. Raises InputError for a check
    that is not installed and for settings that it does not know.
    """
    by_check: dict[str, list[Need]] = {}
    for need in needs:
        by_check.setdefault(need.check.name, []).append(need)
    wanted = sorted(set(names) or by_check)
    orders = [_order(load_check(n), settings.get(n, {}), by_check.get(n, ())) for n in wanted]
    for order in orders:
        order.spec.configure(order.settings)
    return tuple(orders)


def _order(spec: CheckSpec, settings: Mapping[str, Any], needs: Sequence[Need]) -> Order:
    by_metric: dict[str, list[Threshold]] = {}
    for need in needs:
        for bound in need.thresholds:
            by_metric.setdefault(bound.metric, []).append(bound)
    return Order(
        spec,
        settings,
        tuple(tightest(bounds) for _, bounds in sorted(by_metric.items())),
        min((need.max_age for need in needs), default=MAX_AGE),
    )
