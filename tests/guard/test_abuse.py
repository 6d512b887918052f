"""What one user does over time: escalation, extraction, denial of wallet; in bounded memory."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.guard.abuse import Limits, Turn, Watch, sketch
from strongroom.guard.records import Action

HOUR = 3_600.0


def turn(at: float, text: str = "Where is my card", score=0.0, action=Action.ALLOW, tokens=10):
    return Turn(at, text, score, action, tokens)


def kinds(found) -> list[str]:
    return [d.kind for d in found]


def test_messages_that_each_come_near_a_line_add_up() -> None:
    watch = Watch()
    said = [watch.see("u", turn(n, f"story part {n * 77} {'x' * n}", 0.35)) for n in range(4)]
    assert [kinds(one) for one in said] == [[], [], [], ["abuse.escalation"]]
    assert said[-1][0].score == 0.6


def test_a_harmless_message_after_them_is_none() -> None:
    watch = Watch()
    for n in range(6):
        watch.see("u", turn(n, f"part {n * 77}", 0.35))
    assert watch.see("u", turn(7, "Thank you and goodbye")) == ()


def test_another_user_and_another_hour_do_not_count() -> None:
    watch = Watch()
    for n in range(3):
        watch.see("u", turn(n, str(n) * 30, 0.9))
    assert watch.see("other", turn(4, "z", 0.9)) == ()
    assert watch.see("u", turn(3 + HOUR, "y", 0.9)) == ()


def test_many_queries_that_are_almost_alike_are_extraction() -> None:
    watch = Watch()
    text = (
        "Score this application: income {} years employed, loan for a car, city Doha, two children"
    )
    found = [watch.see("u", turn(n, text.format(n))) for n in range(30)]
    assert kinds(found[23]) == []
    assert kinds(found[29]) == ["abuse.extraction"]


def test_many_different_queries_are_not() -> None:
    watch = Watch()
    letters = str.maketrans("0123456789", "ghijklmnop")
    digests = [hashlib.sha256(bytes([n])).hexdigest().translate(letters) for n in range(40)]
    words = [" ".join(d[at : at + 6] for at in range(0, 60, 6)) for d in digests]
    assert all(watch.see("u", turn(n, text)) == () for n, text in enumerate(words))


def test_an_hour_far_above_the_users_own_is_told() -> None:
    watch = Watch()
    for hour in range(5):
        watch.see("u", turn(hour * HOUR, f"hour {hour}", tokens=20_000))
    assert watch.see("u", turn(5 * HOUR, "now", tokens=150_000)) == ()
    assert kinds(watch.see("u", turn(5 * HOUR + 1, "more", tokens=60_000))) == ["abuse.wallet"]


def test_memory_is_bounded_by_users_and_messages() -> None:
    watch = Watch(Limits(users=10, kept=5))
    for n in range(100):
        watch.see(f"u{n}", turn(n))
    assert len(watch) == 10


@given(text=st.text(max_size=300))
def test_any_text_has_a_sketch_and_it_is_its_own_neighbour(text) -> None:
    assert 0 <= sketch(text) < 2**64
    assert sketch(text) == sketch(text)


@pytest.mark.parametrize("times", [1, 2, 50])
def test_scores_stay_in_bounds(times) -> None:
    watch = Watch()
    found = [watch.see("u", turn(n, score=1.0)) for n in range(4 * times)]
    assert all(0 < d.score <= 1 for one in found for d in one)
