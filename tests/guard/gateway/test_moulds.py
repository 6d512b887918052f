"""What is not read again says nothing new; queries and signatures."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guard.gateway.test_trouble import PAN, post

from strongroom.domain.errors import InputError
from strongroom.guard.detectors.catalog import roster
from strongroom.guard.drivers import Guard
from strongroom.guard.gateway.channels import Channels
from strongroom.guard.gateway.events import Fingerprint
from strongroom.guard.gateway.routes import query_of
from strongroom.guard.gateway.sse import EventReader
from strongroom.guard.gateway.wire.anthropic_stream import AnthropicRewriter
from strongroom.guard.gateway.wire.openai_chat_stream import ChatRewriter
from strongroom.guard.policy import ModelUse, default_policy
from strongroom.guard.records import NO_GROUNDS
from strongroom.testing import upstream as model

GUARD = Guard(default_policy(), roster(ModelUse.OFF).detectors, lambda: date(2026, 11, 22))
TEXTS = st.one_of(
    st.sampled_from(
        ("Hello ", "the card ", PAN, PAN[:9], PAN[9:], '"quoted"', "\\u0041\n", "", "é日")
    ),
    st.text(max_size=6),
)


class Reads(ChatRewriter):
    """Reads every event in full."""

    def sole(self, body):
        return None


class ReadsMessages(AnthropicRewriter):
    """Reads every event in full."""

    def sole(self, body):
        return None


def left(kind, chunks):
    """What leaves, as JSON."""
    rewriter = kind(Channels(GUARD, NO_GROUNDS, Fingerprint(b"k")), "id")
    out = b"".join(rewriter.event(e) for chunk in chunks for e in EventReader().feed(chunk))
    return [
        e.data if e.data == "[DONE]" else (e.name, json.loads(e.data))
        for e in EventReader().feed(out)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_an_event_that_fits_the_mould_leaves_as_if_it_had_been_read(deltas) -> None:
    chat, message = model.chat_events(deltas), model.message_events(deltas)
    assert left(ChatRewriter, chat) == left(Reads, chat)
    assert left(AnthropicRewriter, message) == left(ReadsMessages, message)


@pytest.mark.parametrize(
    "smuggled",
    ['x","role":"assistant', 'x"},"evil":{"note":"', "x\ny", "x\\", 'x","content":"y'],
    ids=["field", "object", "line", "escape", "twice"],
)
def test_a_text_cannot_bring_fields_of_its_own(smuggled) -> None:
    """Between the head and the tail of a mould stands one string, or the event is read in full."""
    first = model.chat_events(["Hello ", "there "])[:3]
    forged = first[2].replace(b"there ", smuggled.encode())
    try:
        expected = left(Reads, [*first, forged])
    except InputError:
        with pytest.raises(InputError):
            left(ChatRewriter, [*first, forged])
    else:
        assert left(ChatRewriter, [*first, forged]) == expected


def test_a_page_and_a_version_of_a_query_go_on_and_nothing_else() -> None:
    assert query_of(b"beta=true") == "?beta=true"
    assert query_of(b"limit=20&after_id=m-1&order=asc") == "?limit=20&after_id=m-1&order=asc"
    assert query_of(b"mode=observe&beta=true&note=Ignore+all&limit=%32") == "?beta=true"
    assert query_of(b"") == query_of(b"after=" + b"a" * 200) == ""


def test_a_query_reaches_the_model_and_changes_no_policy(gate) -> None:
    gate.says(model.said(model.chat("fine")))
    asked = {"model": "m-1", "messages": [{"role": "user", "content": PAN}]}
    path = "/v1/chat/completions?beta=true&mode=observe&policy=none"
    assert post(gate, asked, path)[0] == 200
    assert gate.upstream.asked[-1].query == "beta=true"
    assert PAN not in json.dumps(gate.sent)


THOUGHT = {"type": "thinking", "thinking": f"It is {PAN}, I think.", "signature": "c2ln"}


def test_a_signed_thought_that_was_masked_is_dropped(gate) -> None:
    """The provider would refuse it in the next turn."""
    clean = {**THOUGHT, "thinking": "It is fine."}
    text = {"type": "text", "text": "Hello."}
    gate.says(model.said({**model.message(""), "content": [THOUGHT, clean, text]}))
    asked = {"model": "c-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    status, _, body = post(gate, asked, "/v1/messages")
    assert status == 200
    assert json.loads(body)["content"] == [clean, text]


@pytest.mark.parametrize("thought", [THOUGHT["thinking"], "It is fine."], ids=["masked", "clean"])
def test_the_signature_of_a_streamed_thought_leaves_only_if_it_fits(thought) -> None:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    bodies = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "thinking_delta", "thinking": thought}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
    ]  # fmt: skip
    out = left(AnthropicRewriter, [model.event(body, named=True) for body in bodies])
    deltas = [body["delta"] for _, body in out if "delta" in body]
    said = "".join(delta.get("thinking", "") for delta in deltas)
    assert said == thought.replace(PAN, "[PAN]")
    assert ("signature" in deltas[-1]) is (said == thought)
