"""Events as OpenTelemetry spans: in the SDK's memory, and at a collector over HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the gateway extra")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from strongroom.guard.events.outlet import Outlet
from strongroom.guard.events.spans import SpanWriter, otlp


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and remembers it."""

    def __init__(self) -> None:
        self.got: list[ExportTraceServiceRequest] = []
        super().__init__(("127.0.0.1", 0), Taking)


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def collector():
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_span_has_the_names_of_the_conventions(found, clean) -> None:
    memory = InMemorySpanExporter()
    writer = SpanWriter(memory)
    writer.write(found)
    writer.write(clean)
    first, second = memory.get_finished_spans()
    assert first.name == "chat m-1"
    assert first.attributes["gen_ai.operation.name"] == "chat"
    assert first.attributes["gen_ai.provider.name"] == "openai"
    assert first.attributes["gen_ai.request.model"] == "m-1"
    assert first.attributes["gen_ai.conversation.id"] == "c-77"
    assert first.attributes["strongroom.guard.kinds"] == ("pii.pan",)
    assert first.attributes["strongroom.guard.content.hmac"] == "cd" * 32
    assert first.end_time - first.start_time == 1_500_000
    assert first.events[0].attributes["gen_ai.evaluation.name"] == "pii.pan"
    assert "gen_ai.conversation.id" not in second.attributes
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & set(first.attributes)


def test_a_collector_gets_them_over_http(found, collector) -> None:
    outlet = Outlet([otlp(f"http://127.0.0.1:{collector.server_port}/v1/traces", 5.0)])
    outlet.put(found)
    outlet.close(20)
    assert outlet.failed == {}
    (request,) = collector.got
    span = request.resource_spans[0].scope_spans[0].spans[0]
    told = {a.key: a.value for a in span.attributes}
    assert told["strongroom.guard.action"].string_value == "mask"
    resource = request.resource_spans[0].resource.attributes
    assert [a.value.string_value for a in resource] == ["strongroom-guard"]
