"""Banks and coordinator over mutual TLS: threads for most, processes for what is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from strongroom.domain.errors import AbortedError, DeniedError, InputError, LimitError, TrustError
from strongroom.domain.evidence import EVIDENCE_TYPE, Evidence
from strongroom.federated import certificates, parties
from strongroom.federated.bank import Line, Memory, take_part
from strongroom.federated.coordinator import Place, coordinate
from strongroom.federated.discretion import check
from strongroom.federated.fixed import decode, encode
from strongroom.federated.models import Model, digest_of_model
from strongroom.federated.plan import Plan
from strongroom.federated.rounds import ROUND, Rounds
from strongroom.federated.tasks import Finished, Kind, Summed, Task
from strongroom.federated.training import training
from strongroom.federated.wire import HEAD, MAX_HEADER, Frame, frame_of, sizes
from strongroom.federated.worker import Rows, Worker
from strongroom.home.home import Home
from strongroom.testing.federations import BANKS, folders, plan_document

NOW = datetime.now(UTC)
TIMES = {"gather": 120.0, "work": 120.0, "phase": 60.0}
HERE = Path(__file__).parent


def rows(name: str) -> Rows:
    rng = np.random.default_rng(BANKS.index(name))
    x = rng.normal(size=(200, 3))
    return Rows(x, (x[:, 0] + rng.normal(size=200) > 0.5).astype(float))


def setup(place: Path, model, **changes):
    document = plan_document(model, **{"time": TIMES, **changes})
    return folders(place, document, NOW)


def serve(team, home: Home, banks, *, join=None):
    """Run the coordinator here and each bank in a thread; the model, and what was said."""
    hub = team["hub"]
    plan, said, finished = hub.plan, [], []
    context = certificates.tls(hub.folder, hub.secret, server=True)
    with ThreadPoolExecutor(8) as pool:
        futures = []

        def ready(port: int) -> None:
            line = Line("127.0.0.1", port, patience=5.0)
            for name in banks:
                party = team[name]
                futures.append(pool.submit(take_part, party, party.plan, rows(name), line))
            if join is not None:
                join(port)

        place = Place(context=context)
        rounds = Rounds(home, plan)
        model = asyncio.run(
            coordinate(plan, rounds, place, ready=ready, watch=finished.append, say=said.append)
        )
        models = [future.result() for future in futures]
    return model, models, finished, said


def history(home: Home) -> list[dict]:
    """The facts of each recorded round, first to last, with the digest of its model."""
    found = []
    for record in home.records(EVIDENCE_TYPE, check=str(ROUND), newest_first=False):
        evidence = Evidence.from_statement(record.statement)
        (model,) = (s.digest for s in evidence.subjects if s.name == "model")
        found.append({**evidence.findings[0].facts, "model": model})
    return found


def replayed(plan: Plan, companies: dict[int, list[str]]) -> dict[int, Model]:
    """The models of all rounds by plain sums of those who took part: what masks must not change."""
    team = {n: Worker(plan, n, rows(n), os.urandom) for n in BANKS}
    conversation, outcome, models = training(plan), None, {}
    while True:
        try:
            said = conversation.send(outcome)
        except StopIteration:
            return models
        outcome = None
        if isinstance(said, Finished):
            models[said.round] = said.model
        else:
            words = [encode(team[n].answer(said)) for n in companies[said.round]]
            total = np.sum(words, axis=0, dtype=np.uint64)
            outcome = Summed(decode(total), tuple(companies[said.round]))


@pytest.mark.parametrize(
    "model", [{"kind": "net"}, {"kind": "boosting", "depth": 2, "bins": 8}], ids=["net", "boosting"]
)
def test_a_federation_over_tls_gives_the_models_of_plain_sums_and_logs_each_round(tmp_path, model):
    team = setup(tmp_path, model, rounds=2)
    with Home.open(tmp_path / "home", create=True) as home:
        final, models, _, _ = serve(team, home, BANKS)
        logged = history(home)
        assert home.ledger.verify().verified
    plan = team["hub"].plan
    wanted = replayed(plan, {one["round"]: one["took_part"] for one in logged})
    assert [one["round"] for one in logged] == [0, 1, 2]
    assert [one["model"] for one in logged] == [digest_of_model(wanted[n]) for n in range(3)]
    assert {digest_of_model(m) for m in models} == {digest_of_model(final)}
    assert all(set(one["sent"]) == set(BANKS) for one in logged)
    assert all(one["rule"] == "secure" and one["threshold"] == 3 for one in logged)
    memory = Memory(team["ash"].folder / "given.jsonl", plan).read()
    assert len(memory) == sum(one["aggregations"] for one in logged)


def test_a_coordinator_goes_on_from_the_last_recorded_round(tmp_path):
    team = setup(tmp_path, {"kind": "net"}, rounds=3)

    class Enough(Exception):
        pass

    def stop_after_one(done: Finished) -> None:
        if done.round == 1:
            raise Enough

    with Home.open(tmp_path / "home", create=True) as home:
        hub = team["hub"]
        context = certificates.tls(hub.folder, hub.secret, server=True)
        with ThreadPoolExecutor(8) as pool:

            def ready(port: int) -> None:
                line = Line("127.0.0.1", port, patience=5.0)
                for name in BANKS:
                    pool.submit(take_part, team[name], hub.plan, rows(name), line)

            with pytest.raises(Enough):
                asyncio.run(
                    coordinate(hub.plan, Rounds(home, hub.plan), Place(context=context),
                               ready=ready, watch=stop_after_one, say=str)
                )  # fmt: skip
        assert Rounds(home, hub.plan).last()[1] == 1
        _, _, finished, _ = serve(team, home, BANKS)
        assert [one.round for one in finished] == [2, 3]
        logged = history(home)
    wanted = replayed(hub.plan, {n: list(BANKS) for n in range(4)})
    assert [one["model"] for one in logged] == [digest_of_model(wanted[n]) for n in range(4)]


def test_too_few_banks_abort_the_round_and_say_so(tmp_path):
    team = setup(tmp_path, {"kind": "net"}, time={**TIMES, "gather": 1.0, "phase": 1.0})
    with Home.open(tmp_path / "home", create=True) as home:
        with pytest.raises(AbortedError, match="0 of 5 banks are there, 3 are agreed"):
            serve(team, home, [])
        assert history(home) == []


def turned_away(team, home, party, plan, error, match):
    """Whoever is turned away learns why, and the others train on."""
    stranger = []

    def join(port: int) -> None:
        line = Line("127.0.0.1", port, patience=20.0)
        stranger.append(pool.submit(take_part, party, plan, rows("ash"), line))

    with ThreadPoolExecutor(1) as pool:
        serve(team, home, BANKS[1:], join=join)
        with pytest.raises(error, match=match):
            stranger[0].result()


@pytest.mark.parametrize("how", ["another plan", "another key"])
def test_strangers_are_turned_away(tmp_path, how):
    times = {**TIMES, "gather": 3.0}
    team = setup(tmp_path, {"kind": "net"}, rounds=1, time=times)
    plan = team["hub"].plan
    party = team["ash"]
    if how == "another plan":
        plan = plan.model_copy(update={"threshold": 4})
        match = "another plan"
    else:
        # The authority certifies a second key under ash's name: the plan still names the first.
        authority = parties.open_party(tmp_path / "authority", None)
        key = parties.enrol(tmp_path / "false", None)
        parties.admit(authority, "ash", key, NOW, tmp_path / "false")
        party = parties.open_party(tmp_path / "false", None)
        members = {**plan.members, "ash": key.raw.hex()}
        plan = plan.model_copy(update={"members": members})
        match = "does not name this bank with this key"
    with Home.open(tmp_path / "home", create=True) as home:
        turned_away(team, home, party, plan, DeniedError, match)


@pytest.fixture
def listener(tmp_path):
    """A TLS server with a party's certificate; gives its port."""
    stack = ExitStack()

    def listen(party) -> int:
        context = certificates.tls(party.folder, party.secret, server=True)
        plain = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        plain.settimeout(20)
        pool = stack.enter_context(ThreadPoolExecutor(1))

        def one() -> None:
            link, _ = plain.accept()
            try:
                context.wrap_socket(link, server_side=True).close()
            except (ssl.SSLError, OSError):
                link.close()

        pool.submit(one)
        return plain.getsockname()[1]

    with stack:
        yield listen


@pytest.mark.parametrize("who", ["a bank", "another authority"])
def test_a_bank_does_not_talk_to_whoever_is_not_the_coordinator(tmp_path, listener, who):
    team = setup(tmp_path / "one", {"kind": "net"})
    other = team["fir"] if who == "a bank" else setup(tmp_path / "two", {"kind": "net"})["hub"]
    line = Line("127.0.0.1", listener(other), patience=10.0)
    with pytest.raises(TrustError, match="not the plan's hub"):
        take_part(team["ash"], team["ash"].plan, rows("ash"), line)


def test_a_caller_without_a_certificate_gets_nothing(tmp_path):
    team = setup(tmp_path, {"kind": "net"}, time={**TIMES, "gather": 3.0, "phase": 1.0})
    answers = []

    def join(port: int) -> None:
        context = ssl.create_default_context(cafile=str(tmp_path / "hub/authority.pem"))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="hub") as link:
                    link.sendall(Frame({"hello": 1}).to_bytes())
                    answers.append(link.recv(100))
            except OSError as error:
                answers.append(error)

    with (
        Home.open(tmp_path / "home", create=True) as home,
        ThreadPoolExecutor(1) as pool,
        pytest.raises(AbortedError),
    ):
        serve(team, home, [], join=lambda port: pool.submit(join, port))
    assert isinstance(answers[0], ssl.SSLError | ConnectionError) or answers == [b""]


def test_a_frame_that_announces_too_much_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(LimitError):
        sizes(HEAD.pack(MAX_HEADER + 1, 0), max_body=10, where="x")
    with pytest.raises(LimitError):
        sizes(HEAD.pack(2, 11), max_body=10, where="x")
    for junk in (b"", b"[]", b"\xff", b"{"):
        with pytest.raises(InputError):
            frame_of(junk, b"", where="x")


def test_memory_survives_half_a_line(tmp_path):
    plan = setup(tmp_path, {"kind": "net"})["hub"].plan
    memory = Memory(tmp_path / "given.jsonl", plan)
    first, second = (check([], Task(n, 0, Kind.STEP, bytes([n]), 1), BANKS) for n in (1, 2))
    memory.write(first)
    with (tmp_path / "given.jsonl").open("ab") as file:
        file.write(b'{"plan": "sha')
    assert memory.read() == [first]
    memory.write(second)
    assert memory.read() == [first, second]


def test_a_memory_that_was_written_over_stops_the_bank(tmp_path):
    plan = setup(tmp_path, {"kind": "net"})["hub"].plan
    (tmp_path / "given.jsonl").write_bytes(b"{}\n")
    with pytest.raises(InputError, match="not ours"):
        Memory(tmp_path / "given.jsonl", plan).read()


def test_memory_of_another_plan_is_not_ours(tmp_path):
    plan = setup(tmp_path, {"kind": "net"})["hub"].plan
    Memory(tmp_path / "given.jsonl", plan).write(check([], Task(1, 0, Kind.STEP, b"x", 1), BANKS))
    other = plan.model_copy(update={"seed": 6})
    assert Memory(tmp_path / "given.jsonl", other).read() == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["advertise", "share", "mask", "agree", "unmask"])
def test_a_bank_that_is_killed_in_any_phase_is_survived_and_the_sum_is_exact(tmp_path, step):
    """SIGKILL to a process, when it is asked for the step in round 1."""
    team = setup(tmp_path, {"kind": "net"}, rounds=2)
    data = tmp_path / "fir.npz"
    np.savez(data, x=rows("fir").x, y=rows("fir").y)
    process = []

    def join(port: int) -> None:
        arguments = [str(tmp_path / "fir"), str(data), str(port), step, "2"]
        process.append(subprocess.Popen([sys.executable, HERE / "dying_bank.py", *arguments]))

    with Home.open(tmp_path / "home", create=True) as home:
        _, _, _, said = serve(team, home, BANKS[:4], join=join)
        logged = history(home)
    assert process[0].wait(timeout=60) == -signal.SIGKILL
    companies = {one["round"]: one["took_part"] for one in logged}
    sent = step in {"agree", "unmask"}
    assert companies == {0: list(BANKS), 1: list(BANKS if sent else BANKS[:4]), 2: list(BANKS[:4])}
    if not sent:
        assert logged[1]["fell_out"] == {"fir": step}
    wanted = replayed(team["hub"].plan, companies)
    assert [one["model"] for one in logged] == [digest_of_model(wanted[n]) for n in range(3)]
    assert any("fir" in line for line in said)


@pytest.mark.slow
def test_a_coordinator_that_is_killed_is_started_again_and_finishes(tmp_path):
    """SIGKILL to its process after a few rounds; the banks call again by themselves."""
    team = setup(tmp_path, {"kind": "net"}, rounds=12)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "strongroom.cli", "federate", "coordinate", str(tmp_path / "hub"),
        "--home", str(tmp_path / "home"), "--port", str(port),
    ]  # fmt: skip
    with ThreadPoolExecutor(5) as pool:
        line = Line("127.0.0.1", port, patience=120.0)
        models = [pool.submit(take_part, team[n], team[n].plan, rows(n), line) for n in BANKS]
        with (tmp_path / "log").open("wb") as log:
            first = subprocess.Popen(command, stderr=log)
            while b"round 3:" not in (tmp_path / "log").read_bytes():
                assert first.poll() is None
                time.sleep(0.02)
            first.kill()
            assert first.wait() == -signal.SIGKILL
        second = subprocess.run(command, capture_output=True, timeout=200, check=False)
        assert second.returncode == 0, second.stderr.decode()
        final = {digest_of_model(model.result()) for model in models}
    with Home.open(tmp_path / "home") as home:
        logged = history(home)
    wanted = replayed(team["hub"].plan, {n: list(BANKS) for n in range(13)})
    assert [one["round"] for one in logged] == list(range(13))
    assert [one["model"] for one in logged] == [digest_of_model(wanted[n]) for n in range(13)]
    assert final == {digest_of_model(wanted[12])}
