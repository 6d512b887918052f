"""Parsers take any bytes: they give what is there, or their own error."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.gateway.conftest import CONFIG, KEY

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.drivers import Guard
from strongroom.guard.gateway.body import read_json, read_object
from strongroom.guard.gateway.channels import Blocked, Channels
from strongroom.guard.gateway.config import read_config
from strongroom.guard.gateway.events import Fingerprint
from strongroom.guard.gateway.keys import Refused, given_key, hash_of, new_key
from strongroom.guard.gateway.routes import route_of
from strongroom.guard.gateway.sse import EventReader, write_event
from strongroom.guard.gateway.wire import (
    anthropic_messages,
    openai_chat,
    openai_embeddings,
    openai_responses,
)
from strongroom.guard.gateway.wire.anthropic_stream import AnthropicRewriter
from strongroom.guard.gateway.wire.openai_chat_stream import ChatRewriter
from strongroom.guard.gateway.wire.openai_responses_stream import ResponsesRewriter
from strongroom.guard.policy import default_policy
from strongroom.guard.records import Grounds, Source

READERS = (
    openai_chat.read,
    openai_responses.read,
    openai_embeddings.read,
    anthropic_messages.read,
)
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
WORDS = st.sampled_from(
    ["role", "user", "content", "type", "text", "messages", "input", "tool_use", "source", "tools",
     "tool_calls", "function", "arguments", "message", "function_call_output", "output", "system"]
)  # fmt: skip
EVENT_WORDS = st.sampled_from(
    ["type", "index", "delta", "content", "text", "choices", "tool_calls", "function", "arguments",
     "finish_reason", "content_block", "message", "response", "usage", "output_index", "item"]
)  # fmt: skip
EVENT_JSON = st.recursive(
    st.none() | st.integers() | EVENT_WORDS | st.sampled_from(["content_block_delta", "a.delta"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(EVENT_WORDS, inner, max_size=4),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=6), st.data(),
       st.sampled_from([b"\n", b"\r\n", b"\r"]))  # fmt: skip
def test_events_are_the_same_however_they_are_cut(events, data, ending) -> None:
    raw = b"".join(write_event("\n".join(lines)) for lines in events).replace(b"\n", ending)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=8)))
    reader = EventReader()
    found = [
        event.data
        for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)
        for event in reader.feed(raw[a:b])
    ]
    assert found == ["\n".join(lines) for lines in events]
    assert reader.finish()


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_an_error(data) -> None:
    with suppress(InputError):
        assert all(isinstance(event.data, str) for event in EventReader().feed(data))


def test_comments_of_a_stream_do_not_pass() -> None:
    """They could carry anything; what is written again has none."""
    (event,) = EventReader().feed(b": secret\ndata: 1\n\n")
    assert event.to_bytes() == b"data: 1\n\n"
    assert list(EventReader().feed(b": secret\n\n")) == []


def test_an_event_that_does_not_end_is_too_long() -> None:
    reader = EventReader()
    assert list(reader.feed(b"x" * 4_000_000)) == []
    with pytest.raises(LimitError):
        list(reader.feed(b"x" * 400_000))


@given(st.binary(max_size=100))
def test_any_bytes_are_json_or_their_own_error(data) -> None:
    with suppress(InputError):
        read_json(data)


@pytest.mark.parametrize(
    "data",
    [
        b"{", b"[]", b"\xff{}", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b"9" * 5_000, b'{"a":' + b"9" * 5_000 + b"}", b'{"a":{"b":1,"b":2}}', b"", b"null",
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_plain_object_is_refused(data) -> None:
    with pytest.raises(InputError):
        read_object(data)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(WORDS, JSON, max_size=5))
def test_readers_take_any_object(body) -> None:
    """They find texts or raise InputError, and change nothing."""
    before = json.dumps(body)
    for read in READERS:
        try:
            reading = read(body, Source.CONTEXT)
        except InputError:
            continue
        assert all(isinstance(part.text, str) for part in reading.parts)
    assert json.dumps(body) == before


def test_keys_are_kept_as_hashes_and_found_in_either_header() -> None:
    key, digest = new_key()
    assert hash_of(key) == digest
    assert given_key([(b"authorization", f"Bearer {key}".encode())]) == key
    assert given_key([(b"x-api-key", key.encode())]) == key
    both = [(b"authorization", b"Bearer a"), (b"x-api-key", b"b")]
    assert isinstance(given_key(both), Refused)
    assert isinstance(given_key([]), Refused)


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("metrics: true", "metric: true", "did you mean `metrics`"),
        ("policy: shop", "policy: shep", "no policy 'shep'"),
        ("upstreams: [openai, anthropic]", "upstreams: [opanai]", "no upstream 'opanai'"),
        ('url: "{url}"', 'url: "ftp://x"', "is no http(s) address"),
        ("speaks: openai", "speaks: klingon", "is not known"),
        ("listen: {{port: 0}}", "listen: {{port: 0}}\nlisten: {{port: 1}}", "guard.yaml:"),
    ],
    ids=["field", "policy", "upstream", "url", "choice", "twice"],
)
def test_every_slip_is_told_with_its_place(find, put, told) -> None:
    text = CONFIG.replace(find, put).format(url="http://x", sha=hash_of(KEY))
    with pytest.raises(InputError) as error:
        read_config(text.encode())
    assert told in str(error.value)


@pytest.mark.parametrize(
    "rewriter", [ChatRewriter, AnthropicRewriter, ResponsesRewriter], ids=lambda r: r.__name__
)
@settings(max_examples=60, deadline=None)
@given(body=st.dictionaries(EVENT_WORDS, EVENT_JSON, max_size=5))
def test_rewriters_take_any_event(rewriter, body) -> None:
    """An event of a strange shape is an error of the upstream, and leaves as nothing."""
    guard = Guard(default_policy(), (), lambda: date(2026, 1, 1))
    one = rewriter(Channels(guard, Grounds(), Fingerprint(b"k")), "sr_1")
    (event,) = EventReader().feed(write_event(json.dumps(body)))
    with suppress(InputError, Blocked):
        assert isinstance(one.event(event), bytes)
    assert one.stop().endswith(b"\n\n")


def test_paths_do_not_climb() -> None:
    assert route_of("GET", "/v1/models/m-1", []) is not None
    assert route_of("GET", "/v1/models/../files", []) is None
    assert route_of("GET", "/v1/models/%2e%2e/files", []) is None
    assert route_of("DELETE", "/v1/models/m-1", []) is None
