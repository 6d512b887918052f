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
from strongroom.domain.evidence import Finding, Threshold, tightest
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.catalog import Need

MAX_AGE: Final = timedelta(days=90)
"""How long evidence holds where no requirement says."""
STANDARD: Final = "standard"
"""The profile that changes nothing."""


@dataclass(frozen=True, slots=True)
class Order:
    """One check to run."""

    spec: CheckSpec
    settings: Mapping[str, Any]
    """As the manifest gives them."""
    thresholds: tuple[Threshold, ...] = ()
    max_age: timedelta = MAX_AGE
    """How long the evidence holds."""
    profile: str = STANDARD
    """What moved its budgets."""
    short: tuple[str, ...] = ()
    """Settings that the profile made smaller: such a check cannot pass."""

    def configuration(self, seed: int, history: History) -> Digest:
        """Of all that decides, beside the subjects, what the evidence says."""
        return digest_of(
            {
                "seed": seed,
                "settings": self.spec.configure(self.settings).model_dump(mode="json"),
                "thresholds": self.thresholds,
                "history": history.only(self.spec.history).identity(),
                # A manifest may ask for the same small budgets, and may then pass with them.
                **({"profile": self.profile} if self.short else {}),
            }
        )

    def remarks(self) -> tuple[Finding, ...]:
        """What the evidence must say beside what the check says."""
        if not self.short:
            return ()
        text = (
            f"run with the profile {self.profile}, which lowers {', '.join(self.short)}: what it "
            "finds is found, and what it does not find is not shown to be absent"
        )
        fix = "run `strongroom assess` without --profile"
        rule = f"{self.spec.id.name}.profile"
        return (Finding(rule, Outcome.UNKNOWN, text, Severity.LOW, fix=fix),)


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
