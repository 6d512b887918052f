"""Figures for Prometheus, counted from decisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily

from strongroom.guard.events.outlet import Outlet
from strongroom.guard.gateway.events import Decided

BUCKETS: Final = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0)
"""Seconds."""
_DECISION: Final = ("tenant", "route", "direction", "action", "would")


class Tally:
    """A sink that counts, in a registry of its own."""

    def __init__(self) -> None:
        self.open = 0
        """Requests that are under way."""
        self._registry = CollectorRegistry()
        self._decisions = Counter(
            "strongroom_guard_decisions", "Decisions, by what was done.", _DECISION,
            registry=self._registry,
        )  # fmt: skip
        self._kinds = Counter(
            "strongroom_guard_detections", "Decisions in which a kind was seen.", ("kind",),
            registry=self._registry,
        )  # fmt: skip
        self._late = Counter(
            "strongroom_guard_late", "Streams of which a part had left.", registry=self._registry
        )
        self._seconds = Histogram(
            "strongroom_guard_judging_seconds", "Work of judging.", buckets=BUCKETS,
            registry=self._registry,
        )  # fmt: skip
        gauge = Gauge(
            "strongroom_guard_open_requests", "Requests under way.", registry=self._registry
        )
        gauge.set_function(lambda: float(self.open))

    def record(self, event: Decided) -> None:
        """Count one."""
        self._decisions.labels(
            event.tenant, event.route, event.direction, event.action, event.would
        ).inc()
        for kind in {d.kind for d in event.detections}:
            self._kinds.labels(kind).inc()
        self._seconds.observe(event.micros / 1e6)
        self._late.inc(event.late)

    def watch(self, outlet: Outlet) -> None:
        """Tell too what an outlet drops and its writers fail to write."""
        self._registry.register(_Outlet(outlet))

    def close(self) -> None:
        """Nothing to close."""

    def text(self) -> bytes:
        """All figures, in the text format."""
        return generate_latest(self._registry)


class _Outlet:
    """A collector of an outlet's own counts."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def collect(self) -> Iterator[CounterMetricFamily]:
        """As they stand."""
        yield CounterMetricFamily(
            "strongroom_guard_events_dropped", "Events that were not told.",
            value=self._outlet.dropped,
        )  # fmt: skip
        failed = CounterMetricFamily(
            "strongroom_guard_events_failed", "Events that a writer did not take.",
            labels=("writer",),
        )  # fmt: skip
        for name, count in sorted(self._outlet.failed.items()):
            failed.add_metric((name,), count)
        yield failed
