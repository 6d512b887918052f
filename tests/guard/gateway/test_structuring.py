"""Answers that must satisfy a schema, a policy's or a request's: whole, and streamed."""

from __future__ import annotations

import json
from datetime import date

import pytest
from tests.guard.gateway.conftest import CONFIG, POLICY, running
from tests.guard.gateway.test_trouble import ASK, post

from strongroom.guard.drivers import Guard
from strongroom.guard.exchange import check_lines
from strongroom.guard.policy import read_policy
from strongroom.testing import upstream as model

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}},
          "required": ["answer"], "additionalProperties": False}  # fmt: skip
OUTPUT = f"output: {{json_schema: {json.dumps(SCHEMA)}, from_request: true, chars: 2000}}\n"
GOOD, BAD = '{"answer": "Doha is fine"}', '{"answer": 42, "more": "secret"}'
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
WHOLE = {"chat": model.chat, "messages": model.message, "responses": model.response}
EVENTS = {"chat": model.chat_events, "messages": model.message_events,
          "responses": model.response_events}  # fmt: skip


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    with running(tmp_path_factory.mktemp("strict"), policy=POLICY + OUTPUT) as one:
        yield one


def ask(gate, form: str, said: str, *, stream: bool, **fields):
    asked = {"chat": ASK, "responses": {"model": "m-1", "input": "Hello"},
             "messages": {"model": "c-1", "max_tokens": 9,
                          "messages": [{"role": "user", "content": "Hello"}]}}[form]  # fmt: skip
    pieces = [said[at : at + 3] for at in range(0, len(said), 3)]
    reply = EVENTS[form](pieces) if stream else WHOLE[form](said)
    gate.says(model.streaming(reply) if stream else model.said(reply))
    status, _, body = post(gate, {**asked, "stream": stream, **fields}, PATHS[form])
    return status, body.decode()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("form", PATHS)
def test_an_output_that_fits_leaves_as_it_is(strict, form, stream) -> None:
    status, body = ask(strict, form, GOOD, stream=stream)
    assert status == 200
    assert "Doha" in body
    assert strict.decisions()[-1]["action"] == "allow"


@pytest.mark.parametrize("text", [BAD, "I would rather not say.", GOOD + "!", GOOD[:-1]],
                         ids=["mismatch", "words", "more", "cut"])  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("form", PATHS)
def test_nothing_of_an_output_that_does_not_fit_leaves(strict, form, stream, text) -> None:
    status, body = ask(strict, form, text, stream=stream)
    assert status == (200 if stream else 403)
    assert "schema." in body
    assert not any(word in body for word in ("secret", "rather", "Doha"))
    event = strict.decisions()[-1]
    assert event["action"] == "block"
    assert {d["detector"] for d in event["detections"]} == {"output.schema@1"}


def test_the_schema_of_the_request_counts_too(strict) -> None:
    own = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": own, "strict": True}}
    assert ask(strict, "chat", GOOD, stream=False, response_format=form)[0] == 403
    assert ask(strict, "chat", '{"answer": "yes"}', stream=False, response_format=form)[0] == 200
    form = {"type": "json_schema", "name": "a", "schema": own}
    assert ask(strict, "responses", GOOD, stream=False, text={"format": form})[0] == 403


def test_a_schema_that_nobody_can_use_satisfies_nothing(strict) -> None:
    hostile = {"$ref": "http://127.0.0.1:1/schema.json"}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": hostile}}
    status, body = ask(strict, "chat", GOOD, stream=False, response_format=form)
    assert status == 403
    assert "schema.unusable" in body


def test_a_call_of_a_tool_is_no_output(strict) -> None:
    strict.says(model.said(model.chat(None, arguments="{}")))
    assert post(strict, ASK)[0] == 200
    strict.says(model.streaming(model.chat_events([], arguments=["{}"])))
    status, _, body = post(strict, {**ASK, "stream": True})
    assert (status, b"tool_calls" in body) == (200, True)
    strict.says(model.said(model.chat("")))
    assert post(strict, ASK)[0] == 403


def test_a_stream_is_held_no_longer_than_the_limit(strict) -> None:
    long = json.dumps({"answer": "word " * 600})
    status, body = ask(strict, "chat", long, stream=True)
    assert status == 200
    assert "word" not in body


def test_where_nothing_is_enforced_it_streams_and_is_told(tmp_path) -> None:
    with running(tmp_path, CONFIG + "mode: observe\n", POLICY + OUTPUT) as gate:
        body = ask(gate, "chat", BAD, stream=True)[1]
        assert "blocked" not in body
        assert body.count('"content"') > len(BAD) / 3
        event = gate.decisions()[-1]
        assert (event["action"], event["would"]) == ("flag", "block")


def test_a_line_of_guard_check_is_held_to_the_policys_schema(detectors) -> None:
    policy = read_policy(f"version: 1\nmodel: off\n{OUTPUT}".encode())
    guard = Guard(policy, detectors, lambda: date(2026, 11, 22))
    lines = [json.dumps({"source": "output", "text": t}).encode() for t in (GOOD, BAD)]
    lines.append(json.dumps({"source": "user", "text": BAD}).encode())
    assert [v.action for v in check_lines(iter(lines), guard)] == ["allow", "block", "allow"]
