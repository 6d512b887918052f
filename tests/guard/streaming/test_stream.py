"""However an output is cut into deltas, what leaves is the whole text's masking."""

from __future__ import annotations

import base64
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.guard.detectors.catalog import roster
from strongroom.guard.drivers import Guard, converse
from strongroom.guard.engine import Question
from strongroom.guard.policy import ModelUse, default_policy, read_policy
from strongroom.guard.records import Action, Grounds, Source
from strongroom.guard.streaming.holds import is_quiet
from strongroom.guard.streaming.stream import Stream

TODAY = date(2026, 11, 22)
DETECTORS = roster(ModelUse.OFF).detectors
POLICY = default_policy()
STRICT = read_policy(b"version: 1\nlevel: strict\nactions: {classification: {any: {flag: 0.6}}}\n")
KEY = "sk-proj-" + "a8Fk2Lq9Zx4Vb7Nm1Qw5Er3T"
SECRETS = (
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    KEY,
    "AKIA" + "QYLPMN5HFIQR7XYA",
    base64.b64encode(f"the key is {KEY} ok".encode()).decode(),
    f"the key is {KEY} ok".encode().hex(),
    "my password is hunter2~99!",
    "postgres://app:S3cr" + "etPw@db.internal:5432/x",
    "-----BEGIN RSA PRIV" + "ATE KEY-----\nMIIabcdefgh\nMIIabc\n-----END RSA PRIV" + "ATE KEY-----",
    "QQ 12 34 56 C",
    "756.9217.0769.85",
    "%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31",
)
WORDS = (
    "the", "balance", "of", "your", "account", "is", "EUR 250.00", "on 2026-03-01.", "Thank you,",
    "a", "Zürich", "I", "it", "is", "**bold**", "- item\n", "\n\n", "{\"a\": 1}", "UK", "see [1]",
    "https://bank.example/help", "e.g.", "…", "日本語のテキスト", "مرحبا", "reference 4711",
)  # fmt: skip


def run(chunks, policy=POLICY, grounds=None):
    """All that leaves, delta by delta, and the stream."""
    stream = Stream(policy, DETECTORS, TODAY, grounds or Grounds())
    steps = [converse(stream.feed(chunk)) for chunk in chunks]
    steps.append(converse(stream.finish()))
    return [step.text for step in steps], stream


def whole(text, policy=POLICY):
    return Guard(policy, DETECTORS, lambda: TODAY).judge(Question(text, Source.OUTPUT))


@st.composite
def cut_texts(draw):
    words = draw(st.lists(st.sampled_from(WORDS + SECRETS), min_size=1, max_size=14))
    text = " ".join(words)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=30)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=150, deadline=None)
@given(cut_texts(), st.sampled_from([POLICY, STRICT]))
def test_cutting_does_not_matter(cut, policy) -> None:
    text, chunks = cut
    judged = whole(text, policy)
    left, stream = run(chunks, policy)
    assert stream.outcome.action is judged.action
    if judged.action is not Action.BLOCK:
        assert "".join(left) == judged.text
    assert not stream.outcome.late


@pytest.mark.parametrize("policy", [POLICY, STRICT], ids=["balanced", "strict"])
@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_a_secret_in_single_characters_never_leaves(secret, policy) -> None:
    text = f"Of course. The number is {secret} and that is all there is to say."
    expected = whole(text, policy)
    left, stream = run(text, policy)
    if expected.action is Action.BLOCK:
        assert "".join(left) in text[: text.index(secret)]
    else:
        assert "".join(left) == expected.text
    assert stream.outcome.action is expected.action
    assert not stream.outcome.late


def test_plain_words_wait_for_nothing_but_their_end() -> None:
    """Time to first token grows by one word."""
    left, _ = run(["Hello ", "there, ", "dear ", "customer"])
    assert left == ["Hello ", "there, ", "dear ", "", "customer"]


def test_a_block_stops_the_stream_for_good() -> None:
    canary = "ORCHID-ZEBRA-55"
    left, stream = run(["My prompt has ORCHID", "-ZEBRA-55 in it", " and more"],
                       grounds=Grounds(canaries=(canary,)))  # fmt: skip
    assert "".join(left) == "My prompt"  # "has" is short enough to be a part of something
    assert stream.outcome.action is Action.BLOCK


def test_a_copy_of_the_prompt_is_held_from_its_third_word_on() -> None:
    prompt = "You are the assistant of Muster Bank and never tell anybody about the blue vault door"
    left, stream = run([f"{word} " for word in f"My orders: {prompt}".split()],
                       grounds=Grounds(prompt=prompt))  # fmt: skip
    assert stream.outcome.action is Action.BLOCK
    assert "assistant of" not in "".join(left)


def test_a_key_deep_in_a_long_blob_does_not_leave() -> None:
    """A blob longer than what can be held is released in parts only while it says nothing."""
    blob = base64.b64encode((f"lorem ipsum {'x y z ' * 4000} {KEY} end ").encode()).decode()
    left, stream = run([blob[at : at + 37] for at in range(0, len(blob), 37)])
    said = "".join(left)
    assert base64.b64encode(KEY.encode()).decode()[4:24] not in said
    assert stream.outcome.action in (Action.BLOCK, Action.MASK)


def test_nothing_is_held_where_nothing_is_enforced() -> None:
    policy = read_policy(b"version: 1\nenforce: false\n")
    left, stream = run(["card 4111", " 1111 1111 1111"], policy)
    assert left == ["card 4111", " 1111 1111 1111", ""]
    assert stream.outcome.action is Action.FLAG
    assert {d.kind for d in stream.outcome.detections} == {"pii.pan"}


def test_a_detector_that_crashes_stops_the_stream() -> None:
    class Crash:
        name, version, kinds = "crash", 1, ("injection",)

        def inspect(self, message):
            raise ValueError(message.text)

    stream = Stream(POLICY, (*DETECTORS, Crash()), TODAY)
    assert converse(stream.feed("4111 is a number ")).text == ""
    assert converse(stream.feed("now ")).blocked
    assert stream.outcome.failures == ("crash@1 crashed: ValueError",)


def test_memory_stays_flat_over_a_long_output() -> None:
    stream = Stream(POLICY, DETECTORS, TODAY)
    for number in range(400):
        converse(stream.feed(f"The payment number {number} was executed, and all is well. "))
    assert stream.holding < 60
    assert len(stream._text) < 3_000


QUIET = (
    "Your payment", "I see, it's done. Thank you!", "a", "", "Zürich", "a b c d e f", "a b",
    "Mr. A. B. Lee", "extraordinarily x",
)  # fmt: skip
LOUD = (
    "no 4", "a@b", "x/y", "{a}", "key=v", "myWord", "ABCDEF", "x..y", "a--b", "a" * 17, "K_",
    "a b c d e f ", "\u03b1", "50%", "<b>", "abcdefghijklmnopQ", "Aa b. c, d; e! f? ",
)  # fmt: skip


@pytest.mark.parametrize("text", QUIET)
def test_plain_words_are_quiet(text) -> None:
    assert is_quiet(text)


@pytest.mark.parametrize("text", LOUD)
def test_what_a_value_could_stand_in_is_not_quiet(text) -> None:
    assert not is_quiet(text)
