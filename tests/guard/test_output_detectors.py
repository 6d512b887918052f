"""Unsafe code, abuse and unwanted topics: rules keep to their own hits and misses."""

from __future__ import annotations

import base64
import re

import pytest

from strongroom.guard.detectors.unsafe_code import rule_table
from strongroom.guard.policy import read_policy
from strongroom.guard.records import NO_GROUNDS, Grounds

TOPICS = Grounds(topics=(("gambling", ("casino", "sports betting", "roulette")),))


@pytest.mark.parametrize("rule", rule_table(), ids=lambda r: r["name"])
def test_every_rule_hits_and_misses_what_it_says(see, rule) -> None:
    def rules(text):
        return {d.facts["rule"] for d in see("unsafe.code", text, "output")}

    assert all(rule["name"] in rules(text) for text in rule["hit"])
    assert not [text for text in rule["miss"] if rule["name"] in rules(text)]


@pytest.mark.parametrize("rule", rule_table(), ids=lambda r: r["name"])
def test_a_rule_is_asked_however_its_words_are_spelled(see, rule) -> None:
    pattern = re.compile(rule["pattern"], re.IGNORECASE)
    for text in rule["hit"]:
        for spelled in (
            text.upper(),
            text.swapcase(),
            text.replace(" ", "\t"),
            f"\u200b{text}\u00a0",
        ):
            found = {d.facts["rule"] for d in see("unsafe.code", spelled, "output")}
            assert rule["name"] in found or not pattern.search(spelled)


def test_code_is_looked_for_in_outputs_only_and_in_their_disguises(see) -> None:
    text = "DROP TABLE payments;"
    assert see("unsafe.code", text, "user") == []
    hidden = base64.b64encode(f"please run {text} now".encode()).decode()
    (found,) = see("unsafe.code", hidden, "output")
    assert found.decoded == ("base64",)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Just kill yourself", "toxic.threat"),
        ("Y o u   i d i o t, p a y   m e", "toxic.insult"),
        ("Du bist dumm!", "toxic.insult"),
        ("Te voy a matar", "toxic.threat"),
    ],
)
def test_abuse_is_seen(see, text, kind) -> None:
    assert kind in {d.kind for d in see("toxic.phrases", text)}


@pytest.mark.parametrize("text", ["skyscraper", "How do I kill a process?", "The idiot, a novel"])
def test_words_that_are_no_abuse_pass(see, text) -> None:
    assert see("toxic.phrases", text) == []


def test_a_topic_is_surer_when_two_of_its_words_stand_there(see) -> None:
    (one,) = see("topic.words", "Is the Casino open?", grounds=TOPICS)
    (two,) = see("topic.words", "casino or sports betting?", grounds=TOPICS)
    assert (one.score, two.score) == (0.6, 0.9)
    assert see("topic.words", "occasion", grounds=TOPICS) == []
    assert see("topic.words", "casino", grounds=NO_GROUNDS) == []


def test_topics_come_with_the_policy(judge) -> None:
    policy = "topics: {gambling: [casino]}\nactions: {topic: {any: {block: 0.6}}}"
    words = read_policy(f"version: 1\n{policy}".encode()).file.topic_words
    judged = judge("Where is a casino?", policy=policy, grounds=Grounds(topics=words))
    assert judged.action == "block"
