"""What one user does over time: escalation, extraction, denial of wallet; in bounded memory."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.guard.abuse.memory import LocalMemory, MemoryLost, OrLocal, Who
from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.abuse.sketch import sketch
from strongroom.guard.abuse.watch import Mark, comes_near, judged
from strongroom.guard.records import Action, Detection

HOUR = 3_600.0
RULES = AbuseRules()
TEXT = "Score this application: income {} years employed, loan for a car, city Doha, two children"


class Seen:
    """A memory, and what is made of each message."""

    def __init__(self, memory=None, rules: AbuseRules = RULES) -> None:
        self.memory = LocalMemory() if memory is None else memory
        self.rules = rules

    def __call__(self, at, text="Where is my card now", *, user="u", near=False, tokens=10,
                 named=False, tenant="shop", key="till") -> list[str]:  # fmt: skip
        mark = Mark(at, sketch(text), near)
        who = Who(tenant, key, user, named)
        history = asyncio.run(self.memory.add(who, mark, tokens, self.rules))
        return [d.kind for d in judged(history, mark, self.rules)]


def test_messages_that_each_come_near_a_line_add_up() -> None:
    see = Seen()
    said = [see(n, f"story part {'x' * n} {'abcd'[n] * 9}", near=True) for n in range(4)]
    assert said == [[], [], [], ["abuse.escalation"]]


def test_a_harmless_message_after_them_and_a_repeated_one_are_none() -> None:
    see = Seen()
    for n in range(6):
        see(n, f"part {'abcdef'[n] * 9}", near=True)
    assert see(7, "Thank you and goodbye") == []
    other = Seen()
    assert all(other(n, "the same refused message", near=True) == [] for n in range(9))


def test_another_user_and_another_hour_do_not_count() -> None:
    see = Seen()
    for n in range(3):
        see(n, "abc"[n] * 30, near=True)
    assert see(4, "z" * 20, user="other", near=True) == []
    assert see(4, "z" * 20, tenant="other", near=True) == []
    assert see(3 + HOUR, "y" * 20, near=True) == []


@pytest.mark.parametrize(
    ("kind", "score", "action", "near"),
    [
        ("injection.model", 0.31, Action.ALLOW, True),
        ("injection.model", 0.29, Action.ALLOW, False),
        ("pii.email", 1.0, Action.FLAG, False),
        ("injectionx", 1.0, Action.FLAG, False),
        ("pii.pan", 1.0, Action.BLOCK, True),
    ],
)
def test_what_comes_near_a_line(kind, score, action, near) -> None:
    assert comes_near(action, [Detection("d@1", kind, score, (0, 1))], RULES) is near


def test_many_queries_that_are_almost_alike_are_extraction() -> None:
    see = Seen()
    found = [see(n, TEXT.format(n)) for n in range(30)]
    assert found[23] == []
    assert found[29] == ["abuse.extraction"]


def test_many_different_queries_are_not() -> None:
    see = Seen()
    letters = str.maketrans("0123456789", "ghijklmnop")
    digests = [hashlib.sha256(bytes([n])).hexdigest().translate(letters) for n in range(40)]
    words = [" ".join(d[at : at + 6] for at in range(0, 60, 6)) for d in digests]
    assert all(see(n, text) == [] for n, text in enumerate(words))


def test_an_hour_far_above_the_users_own_is_told() -> None:
    see = Seen()
    for hour in range(5):
        see(hour * HOUR, f"hour {hour}", tokens=20_000)
    assert see(5 * HOUR, "now", tokens=150_000) == []
    assert see(5 * HOUR + 1, "more", tokens=60_000) == ["abuse.wallet"]


def test_a_key_whose_users_together_spend_too_much_is_told() -> None:
    see = Seen(rules=AbuseRules(least=10**9, least_of_key=1_000))
    assert see(0, user="a", tokens=600) == []
    assert see(1, "something else now", user="b", tokens=600) == ["abuse.wallet"]
    assert see(1, "something else now", user="b", key="other", tokens=600) == []


def test_what_answers_used_counts() -> None:
    see = Seen()
    see(0, tokens=10)
    asyncio.run(see.memory.spend(Who("shop", "till", "u", named=False), 1.0, 60_000))
    assert see(2, "and once more, please") == ["abuse.wallet"]


def test_making_up_users_is_no_way_out() -> None:
    see = Seen(rules=AbuseRules(names=3, alike=5))
    found = [see(n, TEXT.format(n), user=f"made-up-{n}", named=True) for n in range(12)]
    assert found[:3] == [[], [], []]
    assert found[3] == ["abuse.identities"]
    assert found[11] == ["abuse.extraction", "abuse.identities"]
    assert see(12, "a known user is still known", user="made-up-1", named=True) == []


def test_memory_is_bounded_by_users_and_messages() -> None:
    memory = LocalMemory(users=10, marks=60)
    see = Seen(memory)
    for n in range(100):
        see(n, user=f"u{n}")
    assert len(memory) == 10
    for n in range(300):
        see(n, user="busy")
    assert memory.size <= 200 * 17
    see(301, user="late")
    assert memory.size <= 60 * 17


def test_one_tenants_users_push_out_nobody_elses() -> None:
    memory = LocalMemory(users=10)
    see = Seen(memory)
    for n in range(3):
        see(n, "abc"[n] * 30, near=True)
    for n in range(100):
        see(3, user=f"flood{n}", tenant="other")
    assert see(4, "d" * 30, near=True) == ["abuse.escalation"]


@pytest.mark.parametrize("jump", [-10 * HOUR, 10 * HOUR, -1e9, 1e9], ids=str)
def test_a_clock_that_jumps_neither_breaks_nor_accuses(jump) -> None:
    see = Seen()
    for n in range(3):
        see(1e9 + n, TEXT.format(n), tokens=40_000)
    assert see(1e9 + jump, "hello again to you all") == []
    assert see(1e9 + 4, TEXT.format(9), tokens=5) in ([], ["abuse.wallet"])


def test_a_lost_memory_is_this_process_where_that_was_chosen() -> None:
    class Lost:
        async def add(self, *_):
            raise MemoryLost

        async def spend(self, *_):
            raise MemoryLost

        async def close(self):
            pass

    see = Seen(OrLocal(Lost(), LocalMemory()))
    assert [see(n, "abcd"[n] * 20, near=True) for n in range(4)][-1] == ["abuse.escalation"]
    with pytest.raises(MemoryLost):
        Seen(Lost())(0)


@given(text=st.text(max_size=300))
def test_any_text_has_a_sketch_and_it_is_its_own_neighbour(text) -> None:
    assert 0 <= sketch(text) < 2**64
    assert sketch(text) == sketch(text)


@pytest.mark.parametrize("times", [1, 2, 50])
def test_scores_stay_in_bounds(times) -> None:
    memory = LocalMemory()
    for n in range(4 * times):
        mark = Mark(n, n + 1, near=True)
        who = Who("t", "k", "u", named=False)
        history = asyncio.run(memory.add(who, mark, 10**6, RULES))
        assert all(0 < d.score <= 1 for d in judged(history, mark, RULES))
