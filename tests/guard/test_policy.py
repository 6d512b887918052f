"""Policies are read strictly, and nothing but a policy decides what is done."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError
from strongroom.guard.policy import Level, default_policy, load_policy, read_policy
from strongroom.guard.records import Action, Detection, Source

TODAY = date(2026, 11, 22)


def policy(text: str):
    return read_policy(f"version: 1\n{text}".encode(), where="guard.yaml")


def found(kind: str, score: float, span=(0, 5), decoded=()) -> Detection:
    return Detection("x@1", kind, score, span, decoded)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "version"),
        ("version: 2\n", 1, "version"),
        ("version: 1\nlevle: strict\n", 2, "level"),
        ("version: 1\nlevel: lax\n", 2, "lax"),
        ("version: 1\nactions:\n  pii.pan: {any: {mask: 1.5}}\n", 3, "pii.pan"),
        ("version: 1\nactions:\n  pii.pan: {anybody: {mask: 0.5}}\n", 3, "anybody"),
        ("version: 1\nactions:\n  pii.pan: {any: {block: 0.3, flag: 0.9}}\n", 3, "never taken"),
        (
            "version: 1\nallow:\n  - {kind: pii, text: x, reason: y, until: 2027-01-01}\n",
            3,
            "owner",
        ),
        ("version: 1\nallow:\n  - {kind: pii, text: x, reason: y, owner: z}\n", 3, "until"),
        ("version: 1\non_failure: allow\n", 2, "allow"),
        ("version: 1\nlevel: payments\nmodel: 'off'\n", 3, "model"),
        ("version: 1\ncanaries: [short]\n", 2, "canaries"),
        ("version: 1\nversion: 1\n", 2, "twice"),
        ("- 1\n", 1, "mapping"),
        ("version: [\n", 2, "YAML"),
        ("\0", 1, ""),
    ],
)
def test_a_wrong_policy_is_refused_with_line_and_field(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_policy(text.encode(), where="guard.yaml")
    assert said.lower() in str(caught.value).lower()
    assert f":{line}" in str(caught.value) or line == 1


def test_a_policy_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(InputError):
        load_policy(tmp_path / "none.yaml")


@pytest.mark.parametrize("level", list(Level))
def test_every_level_is_a_policy(level: Level) -> None:
    assert policy(f"level: {level.value}").file.level is level


def test_the_longest_kind_counts() -> None:
    own = policy("actions:\n  pii: {any: {flag: 0.5}}\n  pii.email: {any: {mask: 0.5}}")
    assert own.action_on(found("pii.email", 0.9), Source.USER) is Action.MASK
    assert own.action_on(found("pii.emails", 0.9), Source.USER) is Action.FLAG


def test_a_source_that_is_named_counts_before_any() -> None:
    own = policy("actions:\n  pii.iban: {any: {block: 0.5}, output: {flag: 0.5}}")
    assert own.action_on(found("pii.iban", 0.9), Source.OUTPUT) is Action.FLAG
    assert own.action_on(found("pii.iban", 0.9), Source.CONTEXT) is Action.BLOCK


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(Source), st.sampled_from(Level))
def test_a_higher_score_is_never_treated_more_mildly(a, b, source, level) -> None:
    own = policy(f"level: {level.value}")
    low, high = sorted((a, b))
    for kind in ("injection", "jailbreak", "pii.pan", "secret.x", "limit.depth", "leak.canary"):
        milder = own.action_on(found(kind, low), source)
        assert milder.rank <= own.action_on(found(kind, high), source).rank


@pytest.mark.parametrize("source", list(Source))
def test_data_is_judged_no_more_mildly_than_a_user(source: Source) -> None:
    for level in Level:
        own = policy(f"level: {level.value}")
        for score in (0.3, 0.5, 0.7, 0.8, 1.0):
            user = own.action_on(found("injection", score), Source.USER)
            if source.is_data:
                assert own.action_on(found("injection", score), source).rank >= user.rank


ALLOW = (
    "allow:\n  - {kind: pii.email, text: Help@Bank.example, "
    "owner: ana, reason: ours, until: 2026-11-22}"
)


def test_the_allow_list_lets_its_text_pass_until_its_last_day() -> None:
    own, text = policy(ALLOW), "help@bank.example"
    seen = found("pii.email", 0.95, (0, len(text)))
    assert own.allows(seen, text, date(2026, 11, 22))
    assert not own.allows(seen, text, date(2026, 11, 23))
    assert not own.allows(found("pii.phone", 0.95, (0, len(text))), text, TODAY)
    assert not own.allows(seen, "eve@bank.example ", TODAY)


def test_the_allow_list_lets_nothing_pass_that_was_disguised_or_exceeds_a_limit() -> None:
    own, text = policy(ALLOW.replace("pii.email", "limit")), "help@bank.example"
    assert not own.allows(found("limit.depth", 1.0, (0, len(text))), text, TODAY)
    own = policy(ALLOW)
    assert not own.allows(found("pii.email", 1.0, (0, len(text)), ("base64",)), text, TODAY)


def test_the_digest_tells_policies_apart() -> None:
    assert policy("level: strict").digest != policy("level: payments").digest
    assert default_policy().digest == read_policy(b"version: 1\n").digest
