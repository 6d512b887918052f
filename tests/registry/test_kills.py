"""SIGKILL at random during seal, promote, rotate and shred: the old state or the new, never half.

A forked child does the acts, so that each kill costs no new interpreter. What the model holds is a
canary: after every kill no file below the home or the temporary folder may hold it in clear.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import ConflictError, KeyAccessError, StrongroomError
from strongroom.home.home import Home
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.settings import Settings
from strongroom.keys.sealing import SEGMENT
from strongroom.keys.trust import Role
from strongroom.registry import rotation
from strongroom.registry.reading import Version
from strongroom.registry.registry import Registry
from strongroom.registry.shredding import shred
from strongroom.testing.releases import decide, make_release

DEV = Stage.DEVELOPMENT
CANARY = b"canary: these weights are in clear"


def open_home(folder: Path) -> Home:
    return Home.open(folder / "home", settings=Settings())


def workshop(folder: Path) -> Path:
    """A home with somebody who may shred."""
    with Home.open(folder / "home", create=True, settings=Settings()) as home:
        home.add_key("sue", [Role.SHRED])
    return folder


def promote(folder: Path, number: int) -> None:
    """Decide and promote a release: the first time, that seals it."""
    model = CANARY + b"%d" % number + bytes(SEGMENT) + CANARY
    loaded = make_release(folder / "releases" / str(number), model)
    with open_home(folder) as home:
        decide(home, loaded, DEV)
        with contextlib.suppress(ConflictError):  # it stands there already
            Registry(home).promote(loaded, DEV)


def rotate(folder: Path, _: int) -> None:
    with open_home(folder) as home:
        list(rotation.rotate(home))


def rotate_signer(folder: Path, number: int) -> None:
    with open_home(folder) as home:
        home.rotate_key(("gate", "registry", "assessor")[number % 3])


def shred_one(folder: Path, number: int) -> None:
    """The oldest version that is whole, or the one whose shredding was cut short."""
    with open_home(folder) as home:
        for version in reversed(Registry(home).versions("fraud")):
            said = SealedKeys(home).shredding(version.seal.wrapping)
            if said is None or said.action == "ordered":
                shred(home, version.seal, by="sue", reason="a test", force=True)
                return


ACTS: dict[str, Callable[[Path, int], None]] = {
    "promote": promote,
    "rotate": rotate,
    "rotate_signer": rotate_signer,
    "shred": shred_one,
}


def killed(act: Callable[[Path, int], None], folder: Path, number: int, delay: float) -> bool:
    """Do it in a child and kill that after so many seconds; whether it was in the middle."""
    child = os.fork()
    if child == 0:
        os.environ["TMPDIR"] = str(folder / "tmp")
        status = 1
        with contextlib.suppress(Exception):
            act(folder, number)
            status = 0
        os._exit(status)
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), "the act failed by itself"
    return status != 0


def check(folder: Path, newest: int | None = None) -> list[Version]:
    """Versions open whole, or are being shredded; nothing is in clear; the ledger holds."""
    with open_home(folder) as home:
        registry, keys = Registry(home), SealedKeys(home)
        found = list(registry.versions("fraud"))
        for version in found[:newest]:
            if keys.shredding(version.seal.wrapping) is None:
                files = registry.open("fraud", version.digest).files
                assert files["model/model.bin"].startswith(CANARY)
                continue
            with pytest.raises(KeyAccessError, match="shredded"):
                registry.open("fraud", version.digest)
        history = registry.history("fraud", DEV)
        assert [move.number for move in history] == list(range(len(history), 0, -1))
        assert home.ledger.verify().problems == ()
    for place in (folder / "home", folder / "tmp"):
        for path in place.rglob("*"):
            assert not path.is_file() or CANARY not in path.read_bytes(), f"{path} is in clear"
    return found


def finish(folder: Path, act: str, number: int) -> None:
    """Running it again ends what was cut short."""
    with contextlib.suppress(StrongroomError) if act == "promote" else contextlib.nullcontext():
        ACTS[act](folder, number)
    if act == "shred":
        with open_home(folder) as home:
            for version in Registry(home).versions("fraud"):
                said = SealedKeys(home).shredding(version.seal.wrapping)
                assert said is None or said.action == "destroyed"


def kill_at_random(folder: Path, times: int, seed: int) -> Counter[str]:
    """How often each act was killed in the middle."""
    rng, count = random.Random(seed), Counter[str]()
    (folder / "tmp").mkdir()
    workshop(folder)
    made = 0
    longest = dict.fromkeys(ACTS, 0.3)
    for number in range(times):
        act = ("promote", "rotate", "promote", "shred", "rotate_signer")[number % 5]
        made += act == "promote" and rng.random() < 0.7
        middle = killed(ACTS[act], folder, made, rng.random() * longest[act])
        # Delays follow how long an act takes here and now: a busy machine is slow.
        longest[act] *= 1.15 if middle else 0.9
        count[act] += middle
        check(folder, newest=None if number % 5 == 0 else 1)
        if rng.random() < 0.5:
            finish(folder, act, made)
    for act in ACTS:
        finish(folder, act, made)
    assert check(folder)
    return count


def test_what_is_killed_at_random_leaves_the_old_or_the_new_and_nothing_in_clear(tmp_path):
    kill_at_random(tmp_path, times=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_kills_leave_the_old_or_the_new_and_nothing_in_clear(tmp_path):
    """In ten homes, for a rotation takes longer with each version that there is."""
    count = Counter[str]()
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        count += kill_at_random(tmp_path / str(seed), times=20, seed=seed)
    assert sum(count.values()) > 60
    assert set(count) == set(ACTS)
