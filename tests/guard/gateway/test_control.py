"""The routes that say how the gateway is: whatever is sent to them, they answer, and do no more."""

from __future__ import annotations

import http.client
import json

from hypothesis import given, settings
from hypothesis import strategies as st

CONTROL = ("/healthz", "/readyz", "/metrics")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
TAILS = st.sampled_from(("", "/", "/..", "//", "%2e%2e", "%00", "?x=1", "?ready=false", ";a=b"))
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(("authorization", "x-api-key", "x-strongroom-user", "accept", "content-type",
                     "x-forwarded-for", "anthropic-version", "cookie")), VALUES, max_size=4,
)  # fmt: skip


def ask(gate, method, path, headers=(), body=None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gate.served.port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(METHODS), path=st.sampled_from(CONTROL), tail=TAILS, headers=HEADERS,
    body=st.none() | st.binary(max_size=60),
)  # fmt: skip
def test_control_routes_answer_whatever_they_are_sent(
    gate, method, path, tail, headers, body
) -> None:
    before = len(gate.upstream.asked)
    status, got = ask(gate, method, path + tail, headers, body)
    exactly = method == "GET" and (tail == "" or tail.startswith("?"))
    assert status == (200 if exactly else 404)
    if path != "/metrics" and exactly:
        assert json.loads(got) == ({"ready": True} if path == "/readyz" else {})
    assert b"Traceback" not in got
    assert len(gate.upstream.asked) == before


def test_no_route_reloads_drains_or_shows_the_configuration(gate) -> None:
    for path in ("/reload", "/drain", "/config", "/admin", "/openapi.json", "/docs", "/debug"):
        for method in ("GET", "POST"):
            assert ask(gate, method, path)[0] == 404
