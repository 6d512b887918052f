"""Runs checks, each in its own process, and turns what they say into evidence.

1. Digest every artifact that the checks look at.
2. Take evidence that is there already for the same digests, check version and configuration.
3. Run the rest, longest first, as many at a time as was asked for; a check that exceeds its time
   is killed, and one that dies says so: both are unknown, never pass.
4. When a check ends, see that its artifacts are still what was digested, judge its metrics, and
   record the evidence at once, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from strongroom.assess.children import Child, listen, prepare, scratch_folder
from strongroom.assess.environment import environment
from strongroom.assess.evidence_store import EvidenceStore
from strongroom.assess.exhibits import Exhibits
from strongroom.assess.orders import STANDARD, Order
from strongroom.assess.task import Task
from strongroom.assess.thresholds import judged
from strongroom.assess.wire import Ended, Message, Progress
from strongroom.domain.digests import Digest
from strongroom.domain.evidence import Curve, Evidence, Finding, Metric
from strongroom.governance.loader import Loaded

_LOG: Final = logging.getLogger(__name__)
_TICK: Final = 0.5
"""Seconds between looks at the clock."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """Evidence and how it came."""

    evidence: Evidence
    digest: Digest
    """Of its statement."""
    reused: bool = False


class Watch(Protocol):
    """Is told how the run goes."""

    def started(self, check: str) -> None:
        """A check runs."""
        ...

    def progressed(self, check: str, done: int, total: int) -> None:
        """A check came further."""
        ...

    def ended(self, assessed: Assessed) -> None:
        """A check is over, or its evidence was there."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run."""

    seed: int
    jobs: int = 1
    """Checks at a time."""
    cores: int = 1
    """Shared by the jobs."""
    time_limit: float | None = None
    """Seconds for each check, instead of what its author allowed."""
    memory: int = field(
        default_factory=lambda: os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    )
    """Bytes of address space for each check: by default all the memory of the machine."""
    fresh: bool = False
    """Run even what there is evidence of."""


def run(
    loaded: Loaded,
    orders: Sequence[Order],
    plan: Plan,
    *,
    now: Callable[[], datetime],
    store: EvidenceStore,
    watch: Watch,
) -> tuple[Assessed, ...]:
    """Evidence of every order, in their sequence."""
    return _Run(loaded, plan, now, store, watch).all(orders)


@dataclass(slots=True)
class _Live:
    """A check that is running."""

    order: Order
    child: Child
    started: datetime
    limit: float
    said: list[Finding | Metric | Curve] = field(default_factory=list)


class _Run:
    def __init__(
        self,
        loaded: Loaded,
        plan: Plan,
        now: Callable[[], datetime],
        store: EvidenceStore,
        watch: Watch,
    ) -> None:
        self._loaded = loaded
        self._plan = plan
        self._now = now
        self._store = store
        self._watch = watch
        self._exhibits = Exhibits(loaded)
        self._history = store.history(loaded.system.system.name, now())
        self._done: dict[str, Assessed] = {}
        self._live: list[_Live] = []

    def all(self, orders: Sequence[Order]) -> tuple[Assessed, ...]:
        waiting = [order for order in orders if not self._settled(order)]
        waiting.sort(key=lambda order: -order.spec.time_limit)
        prepare(self._exhibits.modules([order.spec for order in waiting]))
        try:
            while waiting or self._live:
                while waiting and len(self._live) < self._plan.jobs:
                    self._start(waiting.pop(0))
                self._step()
        finally:
            for live in self._live:
                live.child.end()
        return tuple(self._done[order.spec.id.name] for order in orders)

    def _settled(self, order: Order) -> bool:
        """There is evidence, or there is nothing to look at."""
        missing = self._exhibits.missing(order.spec)
        if missing:
            self._finish(order, missing, None, self._now())
            return True
        if self._plan.fresh:
            return False
        found = self._store.find(
            order.spec.id,
            self._loaded.system.system.name,
            self._configuration(order),
            self._exhibits.subjects(order.spec),
            self._now(),
        )
        if found is not None:
            self._keep(order, Assessed(*found, reused=True))
        return found is not None

    def _start(self, order: Order) -> None:
        limit = self._plan.time_limit or order.spec.time_limit
        task = Task(
            self._loaded,
            order.spec.id.name,
            order.settings,
            self._plan.seed,
            max(1, self._plan.cores // self._plan.jobs),
            self._plan.memory,
            self._history.only(order.spec.history),
            scratch_folder(),
        )
        child = Child(task, deadline=time.monotonic() + limit)
        self._live.append(_Live(order, child, self._now(), limit))
        self._watch.started(order.spec.id.name)

    def _step(self) -> None:
        """Hear whoever spoke; end whoever is over or late."""
        for child in listen([live.child for live in self._live], _TICK):
            live = next(one for one in self._live if one.child is child)
            for message in child.read():
                if isinstance(message, Ended):
                    self._bury(live, message)
                    break
                self._hear(live, message)
        for live in [one for one in self._live if time.monotonic() > one.child.deadline]:
            self._bury(live, Ended(f"stopped after {live.limit:g} s, which is its time limit"))

    def _hear(self, live: _Live, message: Message) -> None:
        if isinstance(message, Progress):
            self._watch.progressed(live.order.spec.id.name, message.done, message.total)
        elif not isinstance(message, Ended):
            live.said.append(message)

    def _bury(self, live: _Live, ended: Ended) -> None:
        self._live.remove(live)
        live.child.end()
        if ended.trace:
            _LOG.warning("%s crashed\n%s", live.order.spec.id, ended.trace)
        stopped = ended.stopped
        if stopped is None and (changed := self._exhibits.changed(live.order.spec)):
            stopped = f"{', '.join(changed)} changed while the check looked at it"
        self._finish(live.order, live.said, stopped, live.started)

    def _finish(
        self,
        order: Order,
        said: Sequence[Finding | Metric | Curve],
        stopped: str | None,
        started: datetime,
    ) -> None:
        metrics = tuple(s for s in said if isinstance(s, Metric))
        findings = [s for s in said if isinstance(s, Finding)]
        evidence = Evidence(
            system=self._loaded.system.system.name,
            check=order.spec.id,
            configuration=self._configuration(order),
            subjects=self._exhibits.subjects(order.spec),
            findings=(
                *findings,
                *order.remarks(),
                *judged(order.spec.id, order.thresholds, metrics),
            ),
            metrics=metrics,
            effective_at=started,
            recorded_at=self._now(),
            expires_at=started + order.max_age,
            curves=tuple(s for s in said if isinstance(s, Curve)),
            environment=_environment(order, self._plan.seed),
            stopped=stopped,
        )
        self._keep(order, Assessed(evidence, self._store.keep(evidence)))

    def _configuration(self, order: Order) -> Digest:
        return order.configuration(self._plan.seed, self._history)

    def _keep(self, order: Order, assessed: Assessed) -> None:
        self._done[order.spec.id.name] = assessed
        self._watch.ended(assessed)


def _environment(order: Order, seed: int) -> Mapping[str, str]:
    """With the profile, where one moved this check's budgets."""
    moved = {} if order.profile == STANDARD else {"profile": order.profile}
    return {**environment(seed), **moved}
