"""Events as OpenTelemetry logs and metrics: in the SDK's memory, and at a collector over HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the gateway extra")

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from strongroom.guard.events.outlet import Outlet
from strongroom.guard.events.signals import LogWriter, MetricWriter, otlp_logs, otlp_metrics


def test_a_log_record_says_what_was_done_and_nothing_of_the_content(found, clean) -> None:
    memory = InMemoryLogRecordExporter()
    writer = LogWriter(memory)
    writer.write(found)
    writer.write(clean)
    first, second = (one.log_record for one in memory.get_finished_logs())
    assert (first.severity_text, second.severity_text) == (found.would, clean.would)
    assert first.severity_number.value > second.severity_number.value
    assert first.body == "input: pii.pan"
    assert first.attributes["strongroom.guard.action"] == "mask"
    assert first.attributes["gen_ai.request.model"] == "m-1"
    assert first.event_name == "strongroom.guard.decision"


def test_metrics_count_decisions_and_kinds(found, clean) -> None:
    reader = InMemoryMetricReader()
    writer = MetricWriter(reader)
    for event in (found, found, clean):
        writer.write(event)
    told = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    by_name = {metric.name: metric.data.data_points for metric in told}
    assert sum(p.value for p in by_name["strongroom.guard.decisions"]) == 3
    (kind,) = by_name["strongroom.guard.detections"]
    assert (dict(kind.attributes), kind.value) == ({"strongroom.guard.kind": "pii.pan"}, 2)
    assert sum(p.count for p in by_name["strongroom.guard.judging.duration"]) == 3
    writer.close()


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and remembers it."""

    def __init__(self) -> None:
        self.got: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), Taking)


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.got[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_a_collector_gets_both_over_http(found) -> None:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        outlet = Outlet([otlp_logs(f"{url}/v1/logs", 5), otlp_metrics(f"{url}/v1/metrics", 5)])
        outlet.put(found)
        outlet.close(30)
        server.shutdown()
        thread.join()
    assert outlet.failed == {}
    logs = ExportLogsServiceRequest.FromString(server.got["/v1/logs"])
    assert logs.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "input: pii.pan"
    metrics = ExportMetricsServiceRequest.FromString(server.got["/v1/metrics"])
    names = {m.name for m in metrics.resource_metrics[0].scope_metrics[0].metrics}
    assert "strongroom.guard.decisions" in names
