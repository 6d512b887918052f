"""Wrapping keys of sealed versions: rotated, moved, shredded; on a real OpenBao and on a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import (
    DeniedError,
    InputError,
    KeyAccessError,
    StrongroomError,
    TrustError,
)
from strongroom.home.home import Home
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.settings import Settings
from strongroom.keys.kms import kms_from_uri
from strongroom.keys.trust import KEY_USE_TYPE, SHRED_TYPE, Role
from strongroom.registry import rotation
from strongroom.registry.registry import Registry
from strongroom.registry.shredding import shred
from strongroom.registry.statements import Move, Seal
from strongroom.testing.homes import HandClock
from strongroom.testing.releases import decide, make_release

DEV = Stage.DEVELOPMENT
WHY = "the customer asked for erasure"


@pytest.fixture(scope="module")
def bao() -> Iterator[object]:
    pytest.importorskip("hvac", reason="needs the vault extra")
    from strongroom.testing.openbao import openbao  # noqa: PLC0415 needs hvac

    with openbao() as server:
        yield server


@pytest.fixture(params=["local", "openbao"])
def kms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What STRONGROOM_KMS says."""
    if request.param == "local":
        return None
    server = request.getfixturevalue("bao")
    monkeypatch.setenv("VAULT_TOKEN", server.environment["VAULT_TOKEN"])
    return server.new_transit()


Opener = Callable[..., Home]


@pytest.fixture
def opener(tmp_path: Path, kms: str | None) -> Iterator[Opener]:
    clock, made = HandClock(), []

    def open_home(folder: Path = tmp_path / "home", uri: str | None = kms) -> Home:
        made.append(Home.open(folder, create=True, clock=clock, settings=Settings(kms=uri)))
        return made[-1]

    yield open_home
    for home in made:
        home.close()


@pytest.fixture
def home(opener: Opener) -> Home:
    opened = opener()
    opened.add_key("sue", [Role.SHRED])
    return opened


def promote(home: Home, folder: Path, model: bytes, *stages: Stage) -> Move:
    loaded = make_release(folder / model.hex(), model)
    for stage in stages or (DEV,):
        decide(home, loaded, stage)
        move = Registry(home).promote(loaded, stage)
    return move


def seal_of(home: Home, move: Move) -> Seal:
    return next(v.seal for v in Registry(home).versions() if v.digest == move.version)


def objects(home: Home) -> dict[str, bytes]:
    """The sealed files of every version."""
    names = {f.object for v in Registry(home).versions() for f in v.seal.files}
    return {str(name): home.objects.path(name).read_bytes() for name in names}


def test_a_rotation_touches_nothing_that_is_sealed_and_everything_opens(home, tmp_path):
    moves = [promote(home, tmp_path, model) for model in (b"one", b"two")]
    before = objects(home)
    done = list(rotation.rotate(home))
    assert [d.retired for d in done] == [True, True]
    assert objects(home) == before
    for move, model in zip(moves, (b"one", b"two"), strict=True):
        opened = Registry(home).open("fraud", move.version)
        assert opened.files["model/model.bin"] == model
    assert home.ledger.verify().problems == ()


def test_after_a_rotation_the_key_service_refuses_the_wrapping_in_the_seal(home, tmp_path):
    seal = seal_of(home, promote(home, tmp_path, b"one")).wrapping
    list(rotation.rotate(home))
    with pytest.raises(KeyAccessError):
        home.kms.unwrap(seal.wrapped, seal.context)
    assert SealedKeys(home).in_force(seal).at > seal.at


def test_a_rotation_that_was_cut_short_goes_on_with_the_versions_that_were_left(home, tmp_path):
    moves = [promote(home, tmp_path, model) for model in (b"one", b"two", b"three")]
    next(iter(rotation.rotate(home)))
    keys, seals = SealedKeys(home), [seal_of(home, move).wrapping for move in moves]
    first = keys.in_force(seals[0])
    assert [len(keys.all_of(s)) for s in seals] == [2, 1, 1]
    list(rotation.rotate(home))
    assert [len(keys.all_of(s)) for s in seals] == [2, 2, 2]
    assert keys.in_force(seals[0]) == first
    list(rotation.rotate(home))
    assert [len(keys.all_of(s)) for s in seals] == [3, 3, 3]


def test_each_opening_is_told_before_the_key_is_given_and_repetitions_by_the_hour(home, tmp_path):
    move = promote(home, tmp_path, b"one")
    for _ in range(3):
        Registry(home).open("fraud", move.version)
    (told,) = [r.statement.predicate for r in home.records(KEY_USE_TYPE)]
    assert (told["action"], told["uses"], told["kms"]) == ("open", 1, home.kms.uri)
    assert told["name"] == f"version-{move.version.hex[:40]}"
    assert "@" in told["by"]
    for _ in range(3600):
        home.clock()
    Registry(home).open("fraud", move.version)
    newest = next(home.records(KEY_USE_TYPE)).statement.predicate
    assert newest["uses"] == 3


def test_a_shredded_version_says_when_and_by_whom_wherever_it_is_asked_for(home, tmp_path):
    one, two = (promote(home, tmp_path, model) for model in (b"one", b"two"))
    done = shred(home, seal_of(home, one), by="sue", reason=WHY)
    assert done.action == "destroyed"
    assert all(answer.final for _, answer in done.answers)
    words = rf"{one.version.short} was shredded at .* by sue: {WHY}"
    with pytest.raises(KeyAccessError, match=words):
        Registry(home).open("fraud", one.version)
    with pytest.raises(DeniedError, match=words):
        Registry(home).rollback("fraud", DEV)
    with pytest.raises(DeniedError, match=words):
        promote(home, tmp_path, b"one")
    assert Registry(home).open("fraud", two.version).files["model/model.bin"] == b"two"
    list(rotation.rotate(home))


def test_shredding_twice_is_one_shredding(home, tmp_path):
    seal = seal_of(home, promote(home, tmp_path, b"one"))
    first = shred(home, seal, by="sue", reason=WHY)
    assert shred(home, seal, by="sue", reason="again") == first
    assert len(list(home.records(SHRED_TYPE))) == 2  # the order, and the answer


def test_who_has_no_role_shreds_nothing_and_nothing_is_told(home, tmp_path):
    seal = seal_of(home, promote(home, tmp_path, b"one"))
    home.add_key("alice", [Role.APPROVAL])
    with pytest.raises(TrustError, match="alice may not sign shred"):
        shred(home, seal, by="alice", reason=WHY)
    with pytest.raises(InputError, match="without a reason"):
        shred(home, seal, by="sue", reason=" ")
    assert list(home.records(SHRED_TYPE)) == []
    assert Registry(home).open("fraud", seal.version)


def test_an_order_by_who_may_not_order_stops_nobody(home, tmp_path):
    seal = seal_of(home, promote(home, tmp_path, b"one"))
    done = shred(home, seal_of(home, promote(home, tmp_path, b"two")), by="sue", reason=WHY)
    home.add_key("mallory", [Role.APPROVAL])
    forged = type(done)(
        seal.system, seal.version, "ordered", "sue", WHY, done.files, (), home.clock()
    )
    home.record(forged.to_statement(), "mallory")
    assert Registry(home).open("fraud", seal.version)


def test_what_stands_in_production_is_shredded_by_force_only(home, tmp_path):
    move = promote(home, tmp_path, b"one", *Stage)
    seal = seal_of(home, move)
    with pytest.raises(DeniedError, match="stands in production"):
        shred(home, seal, by="sue", reason=WHY)
    assert Registry(home).open("fraud", Stage.PRODUCTION)
    shred(home, seal, by="sue", reason=WHY, force=True)
    with pytest.raises(KeyAccessError, match="was shredded"):
        Registry(home).open("fraud", Stage.PRODUCTION)


def test_a_copy_of_everything_taken_before_opens_nowhere_after(home, tmp_path, kms, opener):
    """The copy has every object, ledger line and wrapped key; only the key service moved on."""
    gone = seal_of(home, promote(home, tmp_path, b"to be shredded"))
    list(rotation.rotate(home))
    kept = seal_of(home, promote(home, tmp_path, b"to be kept"))
    wrappings = SealedKeys(home).all_of(gone.wrapping)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "home", copy)
    shred(home, gone, by="sue", reason=WHY)
    if kms is None:  # of a folder's keys, a copy of the folder is a copy of the keys: see the docs
        shutil.rmtree(copy / "kms")
        shutil.copytree(tmp_path / "home" / "kms", copy / "kms")
    with opener(copy) as old:
        registry = Registry(old)
        assert registry.open("fraud", kept.version).files["model/model.bin"] == b"to be kept"
        with pytest.raises(KeyAccessError, match=r"key version-.* was destroyed"):
            registry.open("fraud", gone.version)
        for wrapping in wrappings:
            with pytest.raises(StrongroomError):
                old.kms.unwrap(wrapping.wrapped, wrapping.context)


def test_not_even_root_gets_a_shredded_key_from_openbao(tmp_path, bao, monkeypatch):
    """Asked past our own code: decrypt, read, export, backup, restore, another key of its name."""
    monkeypatch.setenv("VAULT_TOKEN", bao.environment["VAULT_TOKEN"])
    settings = Settings(kms=bao.new_transit())
    with Home.open(tmp_path / "home", create=True, settings=settings) as home:
        home.add_key("sue", [Role.SHRED])
        seal = seal_of(home, promote(home, tmp_path, b"one"))
        wrapping = seal.wrapping
        mount, transit = settings.kms.rsplit("/", 1)[1], bao.client.secrets.transit
        ask = {"name": wrapping.key, "mount_point": mount}
        assert transit.read_key(**ask)["data"]["exportable"] is False
        with pytest.raises(Exception, match="not exportable"):
            transit.export_key(key_type="encryption-key", **ask)
        with pytest.raises(Exception, match="exporting is disallowed"):
            transit.backup_key(**ask)
        shred(
            home,
            seal_of(home, next(iter(Registry(home).history("fraud", DEV)))),
            by="sue",
            reason=WHY,
        )
        with pytest.raises(Exception, match=r"None|404|not found"):
            transit.read_key(**ask)
        transit.create_key(**ask)  # root may make a key of that name: it is another key
        with pytest.raises(StrongroomError):
            kms_from_uri(settings.kms).unwrap(wrapping.wrapped, wrapping.context)


def test_moved_to_another_key_service_everything_opens_there_and_nothing_here(
    opener, home, tmp_path, bao, kms, monkeypatch
):
    monkeypatch.setenv("VAULT_TOKEN", bao.environment["VAULT_TOKEN"])
    target = bao.new_transit()
    move = promote(home, tmp_path, b"one")
    before = objects(home)
    assert [d.retired for d in rotation.move(home, target)] == [True]
    assert objects(home) == before
    with pytest.raises(KeyAccessError, match=f"is in {target}, and not in this home's"):
        Registry(home).open("fraud", move.version)
    home.close()
    with opener(uri=target) as moved:
        assert Registry(moved).open("fraud", move.version).files["model/model.bin"] == b"one"
        done = shred(moved, seal_of(moved, move), by="sue", reason=WHY)
        assert [uri for uri, _ in done.answers] == [
            target,
            moved.kms_at(kms or f"local:{tmp_path}/home/kms").uri,
        ]
        with pytest.raises(KeyAccessError, match="was shredded"):
            Registry(moved).open("fraud", move.version)
    with opener() as stayed, pytest.raises(KeyAccessError, match="was shredded"):
        Registry(stayed).open("fraud", move.version)


def test_the_old_key_service_says_where_the_keys_went(opener, home, tmp_path, bao, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", bao.environment["VAULT_TOKEN"])
    with pytest.raises(InputError, match="this key service already"):
        list(rotation.move(home, home.kms.uri))
    move = promote(home, tmp_path, b"one")
    target = bao.new_transit()
    list(rotation.move(home, target, keep_old=True))
    assert Registry(home).open("fraud", move.version)
    later = promote(home, tmp_path, b"two")
    home.close()
    with (
        opener(uri=target) as moved,
        pytest.raises(KeyAccessError, match="not in this home's service"),
    ):
        Registry(moved).open("fraud", later.version)
