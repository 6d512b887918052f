"""Tells decisions to others: the queue to OCSF and OpenTelemetry, and the thread that anchors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from strongroom.domain.canonical import parse_time
from strongroom.domain.errors import StrongroomError
from strongroom.guard.events.anchoring import anchor
from strongroom.guard.events.event import Event, Seen
from strongroom.guard.events.ocsf import to_ocsf
from strongroom.guard.events.outlet import LineWriter, Outlet, Writer
from strongroom.guard.gateway.config import Anchor, Telemetry
from strongroom.guard.gateway.events import Decided

log = logging.getLogger(__name__)


def event_of(decided: Decided) -> Event:
    """A decision of the gateway as an event; what is sealed stays in the log, not in a queue."""
    known = {
        name: getattr(decided, name)
        for name in Event.__slots__
        if name not in ("at", "detections", "sealed")
    }
    seen = tuple(Seen(d.detector, d.kind, d.score, d.span, d.decoded) for d in decided.detections)
    return Event(at=parse_time(decided.at), detections=seen, **known)


class Telling:
    """A sink that passes decisions to an outlet, and never waits."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet

    def record(self, event: Decided) -> None:
        """Pass one on."""
        self.outlet.put(event_of(event))

    def close(self) -> None:
        """Write what waits."""
        self.outlet.close()


def telling(config: Telemetry, folder: Path) -> Telling | None:
    """What the configuration names, if it names anything."""
    writers: list[Writer] = []
    if config.ocsf:
        writers.append(LineWriter(folder / config.ocsf, to_ocsf, "ocsf"))
    if config.otlp:
        # The SDK takes half a second to load: where a collector is configured.
        from strongroom.guard.events.spans import otlp  # noqa: PLC0415

        writers.append(otlp(config.otlp.endpoint, config.otlp.seconds))
    if config.otlp_logs or config.otlp_metrics:
        from strongroom.guard.events.signals import otlp_logs, otlp_metrics  # noqa: PLC0415 - so too

        if config.otlp_logs:
            writers.append(otlp_logs(config.otlp_logs.endpoint, config.otlp_logs.seconds))
        if config.otlp_metrics:
            to = config.otlp_metrics
            writers.append(otlp_metrics(to.endpoint, to.seconds))
    return Telling(Outlet(writers, config.queue)) if writers else None


class Anchoring:
    """A sink that anchors the file of decisions every so often, and once more at the end.

    It stands after the sink that writes the file. A ledger that cannot be reached stops nothing: it
    is logged and counted, and the next time anchors what is missing.
    """

    def __init__(self, once: Callable[[], None], seconds: float) -> None:
        self._once, self._seconds = once, seconds
        self._over = threading.Event()
        self.failed = 0
        """Times that it could not."""
        self._thread = threading.Thread(target=self._run, name="guard-anchor", daemon=True)
        self._thread.start()

    def record(self, event: Decided) -> None:
        """Nothing: the file is read."""

    def close(self) -> None:
        """Anchor the rest."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        over = False
        while not over:
            over = self._over.wait(self._seconds)
            try:
                self._once()
            except StrongroomError as error:
                self.failed += 1
                log.error("the log of decisions was not anchored: %s", error)  # noqa: TRY400


def anchoring(config: Anchor, path: Path, folder: Path) -> Anchoring:
    """Anchors a file as the configuration says."""
    # A home brings its database along: loaded where decisions are anchored.
    from strongroom.home.home import Home  # noqa: PLC0415

    def once() -> None:
        with Home.open(folder / config.home) as home:
            anchor(home, path, config.name)

    return Anchoring(once, config.seconds)
