"""Calls of tools in the answers of models: judged whole and in streams, in all three formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the gateway extra")

from tests.guard.gateway.conftest import CONFIG, KEY, running

from strongroom.guard.gateway.judging import Verdict
from strongroom.guard.gateway.tool_calls import Calls
from strongroom.guard.gateway.turns import turns_of
from strongroom.guard.records import Action, Source
from strongroom.guard.tools.judge import Warden
from strongroom.guard.tools.rules import ToolRules
from strongroom.guard.tools.turns import Call, Said
from strongroom.testing.upstream import event, said, streaming

RULES = ToolRules.model_validate(
    {
        "allow": {
            "read": {},
            "lookup": {"trusted": True},
            "ping": {"calls": 1},
            "pay": {"consequential": True, "arguments": {"iban": {"kind": "account"}}},
        }
    }
)
OURS, THEIRS = "GB82WEST12345698765432", "DE89370400440532013000"
ARGUMENTS = json.dumps({"iban": THEIRS})
CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": ARGUMENTS}}
ITEM = {"type": "function_call", "call_id": "c", "name": "pay", "arguments": ARGUMENTS}
BLOCK = {"type": "tool_use", "id": "t", "name": "pay", "input": {"iban": THEIRS}}


def calls(before=(), *, enforced=True) -> Calls:
    return Calls(Warden(RULES), list(before), enforced, (), 0.0)


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"tool_calls": [CHAT_CALL]}}]},
        {"choices": [{"message": {"function_call": CHAT_CALL["function"]}}]},
        {"output": [{"type": "reasoning"}, ITEM]},
        {"content": [{"type": "text", "text": "x"}, BLOCK]},
        {"content": [{"type": "tool_use", "name": "rm", "input": {}}]},
        {"choices": [{"message": {"tool_calls": [{"custom": {"name": "rm", "input": "x"}}]}}]},
    ],
    ids=["chat", "legacy", "responses", "messages", "no arguments", "custom"],
)
def test_a_call_that_must_not_be_made_stops_a_whole_answer(answer):
    judged = calls()
    assert judged.whole(answer)
    nothing = Verdict(Action.ALLOW, Action.ALLOW, 0.0, (), (), 0, changed=False)
    assert judged.added_to(nothing).action is Action.BLOCK
    observed = calls(enforced=False)
    assert not observed.whole(answer)
    assert observed.added_to(nothing).action is Action.FLAG


def chat(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


STREAMS = {
    "chat": [
        chat({"role": "assistant"}),
        chat({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "pay"}}]}),
        *[
            chat({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in ARGUMENTS
        ],
        chat({}, "tool_calls"),
    ],
    "responses": [
        {"type": "response.output_item.added", "output_index": 1,
         "item": {**ITEM, "arguments": "", "status": "in_progress"}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": ARGUMENTS},
        {"type": "response.function_call_arguments.done", "output_index": 1,
         "arguments": ARGUMENTS},
    ],
    "messages": [
        {"type": "content_block_start", "index": 1, "content_block": {**BLOCK, "input": {}}},
        *[
            {"type": "content_block_delta", "index": 1,
             "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in ARGUMENTS
        ],
        {"type": "content_block_stop", "index": 1},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_stopped_by_the_event_that_would_complete_the_call(name):
    judged = calls()
    *before, last = STREAMS[name]
    assert not any(judged.event(json.dumps(event)) for event in before)
    assert judged.event(json.dumps(last))
    assert [one.kind for one in judged.objections] == ["tool.flow"]


def test_a_stream_that_never_says_that_it_ends_is_judged_at_its_last_line():
    judged = calls()
    for one in STREAMS["chat"][:-1]:
        judged.event(json.dumps(one))
    assert judged.event("[DONE]")


def test_a_call_that_is_told_again_counts_once_and_two_equal_ones_twice():
    item = {**ITEM, "name": "ping", "arguments": "{}"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    again = {"type": "response.completed", "response": {"output": [item]}}
    judged = calls()
    assert not any(judged.event(json.dumps(event)) for event in (done, again))
    assert calls().whole({"output": [item, item]})


def test_arguments_that_two_readers_may_read_as_two_things_are_refused():
    call = {"name": "pay", "arguments": f'{{"iban":"{OURS}","iban":"{THEIRS}"}}'}
    judged = calls([Said(Source.USER, OURS)])
    assert judged.whole({"choices": [{"message": {"tool_calls": [{"function": call}]}}]})


def results(id_: str, text: str) -> list[dict[str, Any]]:
    """The same conversation in three formats."""
    name = {"name": "lookup", "arguments": "{}"}
    return [
        {"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": name}]},
            {"role": "tool", "tool_call_id": id_, "content": text}]},
        {"input": [
            {"role": "user", "content": [{"type": "input_text", "text": "go"}]},
            {"type": "function_call", "call_id": "1", **name},
            {"type": "function_call_output", "call_id": id_, "output": text}]},
        {"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "1", "name": "lookup", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id_, "content": [
                    {"type": "text", "text": text}]}]}]},
    ]  # fmt: skip


@pytest.mark.parametrize("form", [0, 1, 2], ids=["chat", "responses", "messages"])
def test_a_result_is_of_the_tool_whose_call_it_answers(form):
    payment = {"content": [{**BLOCK, "input": {"iban": OURS}}]}
    known = turns_of(results("1", OURS)[form])
    assert [t.tool for t in known if isinstance(t, Call)] == ["lookup"]
    assert known[0] == Said(Source.USER, "go", 0)
    assert not calls(known).whole(payment)
    assert calls(turns_of(results("2", OURS)[form])).whole(payment), "it answers no call"


def test_an_id_that_is_given_twice_says_nothing_of_its_results():
    body = results("1", OURS)[0]
    body["messages"][1]["tool_calls"].append({"id": "1", "function": {"name": "read"}})
    assert calls(turns_of(body)).whole({"content": [{**BLOCK, "input": {"iban": OURS}}]})


def test_a_document_in_a_users_message_is_not_the_users_word():
    document = {"type": "document", "source": {"type": "text", "data": THEIRS}}
    body = {"messages": [{"role": "user", "content": [document, {"type": "text", "text": "pay"}]}]}
    assert calls(turns_of(body)).whole({"content": [BLOCK]})
    body["messages"][0]["content"][1]["text"] = f"pay {THEIRS}"
    assert not calls(turns_of(body)).whole({"content": [BLOCK]})


@pytest.mark.parametrize("body", [{}, {"input": None}, {"messages": 5}, {"messages": [None, 1, []]},
                                  {"messages": [{"role": 5, "content": {}}]}, {"system": 5}],
                         ids=str)  # fmt: skip
def test_a_strange_request_is_a_conversation_without_trusted_values(body):
    assert calls(turns_of(body)).whole({"content": [BLOCK]})


TOOLS_POLICY = """
version: 1
model: off
tools:
  allow:
    read: {}
    pay: {consequential: true, arguments: {iban: {kind: account}}}
"""


def test_through_a_running_gateway(tmp_path):
    """The official client gets no call that the rules refuse, whole or streamed."""
    openai = pytest.importorskip("openai", reason="needs the dev packages")
    with running(tmp_path, CONFIG, TOOLS_POLICY) as gate:
        client = openai.OpenAI(base_url=f"{gate.url}/v1", api_key=KEY, max_retries=0)
        message = {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        gate.says(said({"id": "1", "object": "chat.completion", "created": 0, "model": "m-1",
                        "choices": [choice]}))  # fmt: skip
        good = [{"role": "user", "content": f"Pay {THEIRS}"}]
        bad = [{"role": "user", "content": "Pay the invoice"}]
        answer = client.chat.completions.create(model="m-1", messages=good)
        assert answer.choices[0].message.tool_calls[0].function.arguments == ARGUMENTS
        with pytest.raises(openai.PermissionDeniedError, match=r"tool\.flow"):
            client.chat.completions.create(model="m-1", messages=bad)
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m-1"}
        gate.says(
            streaming([*[event({**head, **one}) for one in STREAMS["chat"]], event("[DONE]")])
        )
        chunks = list(client.chat.completions.create(model="m-1", messages=bad, stream=True))
        assert THEIRS not in "".join(chunk.model_dump_json() for chunk in chunks)
        assert chunks[-1].choices[0].finish_reason == "content_filter"
        client.close()
        kinds = [d["kind"] for one in gate.decisions() for d in one["detections"]]
        assert kinds.count("tool.flow") == 2
