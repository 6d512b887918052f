"""Figures for Prometheus, counted from decisions; text format 0.0.4."""

from __future__ import annotations

from collections import Counter
from typing import Final

from strongroom.guard.gateway.events import Decided

BUCKETS: Final = (250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000)
"""Microseconds."""


class Tally:
    """A sink that counts."""

    def __init__(self) -> None:
        self._decisions: Counter[tuple[str, str, str, str, str]] = Counter()
        self._kinds: Counter[str] = Counter()
        self._micros: Counter[int] = Counter()
        self._sum = self._late = 0
        self.open = 0
        """Requests that are under way."""

    def record(self, event: Decided) -> None:
        """Count one."""
        key = (event.tenant, event.route, event.direction, event.action, event.would)
        self._decisions[key] += 1
        self._kinds.update({d.kind for d in event.detections})
        self._micros[next((b for b in BUCKETS if event.micros <= b), 0)] += 1
        self._sum += event.micros
        self._late += event.late

    def close(self) -> None:
        """Nothing to close."""

    def text(self) -> bytes:
        """All figures."""
        lines = ["# TYPE strongroom_guard_decisions_total counter"]
        names = ("tenant", "route", "direction", "action", "would")
        for key, count in sorted(self._decisions.items()):
            labels = ",".join(f'{n}="{v}"' for n, v in zip(names, key, strict=True))
            lines.append(f"strongroom_guard_decisions_total{{{labels}}} {count}")
        lines.append("# TYPE strongroom_guard_detections_total counter")
        for kind, count in sorted(self._kinds.items()):
            lines.append(f'strongroom_guard_detections_total{{kind="{kind}"}} {count}')
        lines.append("# TYPE strongroom_guard_judging_seconds histogram")
        running = 0
        for bucket in BUCKETS:
            running += self._micros[bucket]
            lines.append(
                f'strongroom_guard_judging_seconds_bucket{{le="{bucket / 1e6:g}"}} {running}'
            )
        total = sum(self._micros.values())
        lines += [
            f'strongroom_guard_judging_seconds_bucket{{le="+Inf"}} {total}',
            f"strongroom_guard_judging_seconds_sum {self._sum / 1e6:g}",
            f"strongroom_guard_judging_seconds_count {total}",
            "# TYPE strongroom_guard_late_total counter",
            f"strongroom_guard_late_total {self._late}",
            "# TYPE strongroom_guard_open_requests gauge",
            f"strongroom_guard_open_requests {self.open}",
        ]
        return ("\n".join(lines) + "\n").encode()
