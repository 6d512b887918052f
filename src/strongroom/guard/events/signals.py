"""Events as OpenTelemetry logs and metrics, beside the spans; the same names from one table.

Needs the gateway extra. Nothing is global, and nothing of the content is told.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from strongroom.guard.events.event import Event
from strongroom.guard.events.spans import SERVICE
from strongroom.guard.events.table import facts_of, filled, table

EVERY: Final = 15_000.0
"""Milliseconds between two exports of metrics."""
_SCOPE: Final = "strongroom.guard"
_TABLE: Final = "genai.toml"
_SEVERITY: Final = {
    "allow": SeverityNumber.INFO,
    "flag": SeverityNumber.INFO4,
    "mask": SeverityNumber.WARN,
    "block": SeverityNumber.ERROR,
}
"""By what would be done where the policy is enforced."""
_LABELS: Final = ("tenant", "route", "direction", "action", "would")


def _attributes(event: Event) -> dict[str, Any]:
    names = table(_TABLE)
    facts, named = facts_of(event, names["words"]), names["attributes"]
    return {n: v for n in named if (v := filled({n: named[n]}, facts).get(n)) is not None}


class LogWriter:
    """Makes one log record of each event. It may wait: stand it behind an Outlet."""

    name = "opentelemetry-logs"

    def __init__(self, exporter: LogRecordExporter, service: str = SERVICE) -> None:
        resource = Resource({"service.name": service})
        self._provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        self._logger = self._provider.get_logger(_SCOPE)

    def write(self, event: Event) -> None:
        """Export one."""
        facts = facts_of(event, table(_TABLE)["words"])
        self._logger.emit(
            timestamp=round(event.at.timestamp() * 1e9),
            severity_number=_SEVERITY.get(event.would, SeverityNumber.UNSPECIFIED),
            severity_text=event.would,
            body=facts["title"],
            attributes=_attributes(event),
            event_name="strongroom.guard.decision",
        )

    def close(self) -> None:
        """Flush, and let the exporter go."""
        self._provider.shutdown()


class MetricWriter:
    """Counts events, and how long judging took; exported every so often and at the end."""

    name = "opentelemetry-metrics"

    def __init__(self, reader: MetricReader, service: str = SERVICE) -> None:
        resource = Resource({"service.name": service})
        self._provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._provider.get_meter(_SCOPE)
        self._decisions = meter.create_counter("strongroom.guard.decisions", "{decision}")
        self._detections = meter.create_counter("strongroom.guard.detections", "{decision}")
        self._seconds = meter.create_histogram("strongroom.guard.judging.duration", "s")

    def write(self, event: Event) -> None:
        """Count one."""
        labels = {f"strongroom.guard.{name}": getattr(event, name) for name in _LABELS}
        self._decisions.add(1, labels)
        self._seconds.record(event.micros / 1e6, {"strongroom.guard.route": event.route})
        for kind in {seen.kind for seen in event.detections}:
            self._detections.add(1, {"strongroom.guard.kind": kind})

    def close(self) -> None:
        """Export the rest."""
        self._provider.shutdown()


def otlp_logs(endpoint: str, seconds: float) -> LogWriter:
    """A writer that sends to a collector: `http://collector:4318/v1/logs`."""
    # `requests` is behind it: loaded where a collector is configured.
    from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415
        OTLPLogExporter,
    )

    return LogWriter(OTLPLogExporter(endpoint=endpoint, timeout=seconds))


def otlp_metrics(endpoint: str, seconds: float) -> MetricWriter:
    """A writer that sends to a collector: `http://collector:4318/v1/metrics`."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - as above
        OTLPMetricExporter,
    )

    exporter = OTLPMetricExporter(endpoint=endpoint, timeout=seconds)
    return MetricWriter(PeriodicExportingMetricReader(exporter, EVERY, seconds * 1_000))
