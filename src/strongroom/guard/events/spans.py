"""Events as OpenTelemetry spans, by OTLP over HTTP or whatever exporter is given.

Needs the gateway extra. Nothing is global: the provider is our own, and it is told to nobody.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from strongroom.guard.events.event import Event
from strongroom.guard.events.table import facts_of, filled, table

_TABLE: Final = "genai.toml"
SERVICE: Final = "strongroom-guard"


class SpanWriter:
    """Makes one span of each event. It may wait for the collector: stand it behind an Outlet."""

    name = "opentelemetry"

    def __init__(self, exporter: SpanExporter, service: str = SERVICE) -> None:
        resource = Resource({"service.name": service})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("strongroom.guard")

    def write(self, event: Event) -> None:
        """Export one."""
        names = table(_TABLE)
        facts = facts_of(event, names["words"])
        end = round(event.at.timestamp() * 1e9)
        span = self._tracer.start_span(
            f"{facts['operation']} {event.model}".strip(),
            kind=SpanKind.INTERNAL,
            attributes={
                n: v for n in names["attributes"] if (v := _one(names, facts, n)) is not None
            },
            start_time=end - event.micros * 1000,
        )
        words = names["evaluation"]
        for seen in event.detections:
            told: dict[str, Any] = {words["evaluation"]: seen.kind, words["score"]: seen.score,
                    words["label"]: seen.detector}  # fmt: skip
            span.add_event(words["name"], told, end)
        if event.action == "block":
            span.set_status(Status(StatusCode.ERROR, "blocked"))
        span.end(end)

    def close(self) -> None:
        """Flush, and let the exporter go."""
        self._provider.shutdown()


def _one(names: Any, facts: Any, name: str) -> Any:
    return filled({name: names["attributes"][name]}, facts).get(name)


def otlp(endpoint: str, seconds: float) -> SpanWriter:
    """A writer that sends to a collector: `http://collector:4318/v1/traces`."""
    # `requests` is behind it: loaded where a collector is configured.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return SpanWriter(OTLPSpanExporter(endpoint=endpoint, timeout=seconds))
