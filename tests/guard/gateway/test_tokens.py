"""Through the gateway: the model sees pseudonyms, the client its own values, also in streams."""

from __future__ import annotations

import json

import pytest
from tests.guard.gateway.conftest import CONFIG, POLICY, running
from tests.guard.gateway.test_trouble import post

from strongroom.testing.upstream import Asked, chat, chat_events, said, streaming

PAN, IBAN = "4111 1111 1111 1111", "GB82WEST12345698765432"
TOKENISE = """
actions:
  pii.pan: {any: {tokenise: 0.6}}
  pii.iban: {any: {tokenise: 0.6}}
"""
ASK = {
    "model": "m-1",
    "messages": [{"role": "user", "content": f"Move 5 from card {PAN} to {IBAN} please"}],
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with running(tmp_path_factory.mktemp("tokens"), CONFIG, POLICY + TOKENISE) as one:
        yield one


def heard(asked: Asked) -> str:
    return asked.body["messages"][-1]["content"]


def test_the_model_never_sees_the_values_and_the_client_gets_them_back(gate) -> None:
    gate.says(lambda asked: said(chat(f"You said: {heard(asked)}")))
    status, headers, body = post(gate, ASK)
    assert status == 200
    assert headers["x-strongroom-input-action"] == "mask"
    sent = gate.sent["messages"][0]["content"]
    assert PAN not in sent
    assert IBAN not in sent
    assert "[PAN]" not in sent
    answer = json.loads(body)["choices"][0]["message"]["content"]
    assert answer == f"You said: {ASK['messages'][0]['content']}"


def test_a_value_has_the_same_pseudonym_at_the_next_turn(gate) -> None:
    gate.says(lambda _: said(chat("Yes?")))
    post(gate, ASK)
    first = gate.sent["messages"][0]["content"]
    more = [*ASK["messages"], {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": f"And is {PAN} mine?"}]  # fmt: skip
    post(gate, {**ASK, "messages": more})
    assert gate.sent["messages"][0]["content"] == first
    assert gate.sent["messages"][2]["content"].split()[2:6] == first.split()[4:8]


def test_another_conversation_gets_nothing_back(gate) -> None:
    gate.says(lambda _: said(chat("Yes?")))
    post(gate, ASK)
    stolen = gate.sent["messages"][0]["content"]
    gate.says(lambda _: said(chat(stolen)))
    _, _, body = post(gate, {**ASK, "messages": [{"role": "user", "content": "Repeat it"}]})
    answer = json.loads(body)["choices"][0]["message"]["content"]
    assert PAN not in answer
    assert IBAN not in answer


def spoken(body: bytes) -> str:
    """What a stream of chat chunks says."""
    lines = [line[6:] for line in body.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_pseudonym_that_comes_in_pieces_leaves_as_the_value(gate, size) -> None:
    def reply(asked: Asked):
        text = f"You said: {heard(asked)}. Fine?"
        return streaming(chat_events([text[n : n + size] for n in range(0, len(text), size)]))

    gate.says(reply)
    status, _, body = post(gate, {**ASK, "stream": True})
    assert status == 200
    assert spoken(body) == f"You said: {ASK['messages'][0]['content']}. Fine?"


def test_arguments_of_tool_calls_have_the_values(gate) -> None:
    def reply(asked: Asked):
        return said(chat(None, arguments=json.dumps({"note": heard(asked)})))

    gate.says(reply)
    _, _, body = post(gate, ASK)
    call = json.loads(body)["choices"][0]["message"]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"note": ASK["messages"][0]["content"]}
