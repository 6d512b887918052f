"""Sealed files: no byte may change, no file may stand for another, no key opens what is not its."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.decision import Stage
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, IntegrityError, KeyAccessError, StoreError
from strongroom.domain.statement import Statement
from strongroom.governance.artifacts import subjects_of
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.keys.sealing import new_key
from strongroom.keys.trust import PROMOTION_TYPE, SEAL_TYPE
from strongroom.registry.opening import Opened, open_seal
from strongroom.registry.registry import Registry
from strongroom.registry.sealing import content_of, seal_content
from strongroom.registry.statements import Action, Move, Seal, SealedFile
from strongroom.testing.homes import START, HandClock
from strongroom.testing.releases import decide, make_release


@pytest.fixture
def home(tmp_path):
    clock = HandClock()
    with Home.open(tmp_path / "home", create=True, clock=clock, settings=Settings()) as home:
        yield home


@pytest.fixture
def seal(home, tmp_path) -> Seal:
    loaded = make_release(tmp_path / "release", b"a model" * 200_000)
    decide(home, loaded, Stage.DEVELOPMENT)
    registry = Registry(home)
    registry.promote(loaded, Stage.DEVELOPMENT)
    return registry.versions()[0].seal


def change(home, file: SealedFile, new) -> None:
    path = home.objects.path(file.object)
    path.chmod(0o600)
    path.write_bytes(new(bytearray(path.read_bytes())))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_flipped_byte_is_refused_and_the_file_is_named(home, seal, number, place):
    file = seal.files[number]

    def flip(data: bytearray) -> bytearray:
        data[{"first": 0, "middle": len(data) // 2, "last": -1}[place]] ^= 1
        return data

    change(home, file, flip)
    with pytest.raises(IntegrityError, match=file.path):
        Registry(home).open("fraud", Stage.DEVELOPMENT)


@pytest.mark.parametrize("new", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b""])
def test_a_file_that_is_cut_or_longer_is_refused_and_named(home, seal, new):
    change(home, seal.files[1], new)
    with pytest.raises((IntegrityError, InputError), match=seal.files[1].path):
        Registry(home).open("fraud", Stage.DEVELOPMENT)


def test_sealed_files_that_were_swapped_are_refused_and_named(home, seal):
    one, two = (home.objects.path(f.object) for f in seal.files[:2])
    held = one.read_bytes()
    change(home, seal.files[0], lambda _: two.read_bytes())
    change(home, seal.files[1], lambda _: held)
    with pytest.raises((IntegrityError, InputError), match=seal.files[0].path):
        Registry(home).open("fraud", Stage.DEVELOPMENT)


def test_whoever_could_sign_seals_still_cannot_put_one_file_in_the_place_of_another(home, seal):
    card, model = (f for f in seal.files if f.path.startswith("model/"))
    swapped = SealedFile(card.path, model.digest, model.size, model.object)
    with pytest.raises(IntegrityError, match="made for something else"):
        open_seal(home, type(seal)(**{**fields(seal), "files": (swapped,)}))


def test_a_wrapped_key_does_not_open_another_version(home, seal, tmp_path):
    other = type(seal)(**{**fields(seal), "about": seal.about[:1]})
    with pytest.raises(IntegrityError):
        open_seal(home, other)


def test_a_version_whose_key_was_destroyed_is_gone(home, seal):
    home.kms.destroy(f"version-{seal.version.hex[:40]}")
    with pytest.raises(KeyAccessError, match="destroyed"):
        Registry(home).open("fraud", Stage.DEVELOPMENT)


def test_a_file_that_changes_while_it_is_sealed_is_refused_and_nothing_is_kept(home, tmp_path):
    loaded = make_release(tmp_path / "release")
    content = content_of(loaded, subjects_of(loaded))
    (loaded.folder / "model" / "model.bin").write_bytes(b"another")
    with pytest.raises(IntegrityError, match=r"model/model\.bin: the file changed"):
        seal_content(home.objects, content, new_key(), "fraud", sha256(b"version"))


def test_a_model_that_is_not_the_one_decided_about_is_refused(home, tmp_path):
    loaded = make_release(tmp_path / "release")
    about = subjects_of(loaded)
    (loaded.folder / "model" / "model.bin").write_bytes(b"another")
    with pytest.raises(IntegrityError, match="not the one that was decided about"):
        content_of(loaded, about)


# --- writing plaintext, when asked to


def test_plaintext_is_written_only_where_asked_and_for_the_owner_alone(home, seal, tmp_path):
    opened = Registry(home).open("fraud", Stage.DEVELOPMENT)
    written = opened.write(tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix() for p in written} == set(opened.files)
    for path in written:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes() == opened.files[path.relative_to(tmp_path / "out").as_posix()]


def test_a_folder_that_is_not_empty_is_not_written_to(home, seal, tmp_path):
    opened = Registry(home).open("fraud", Stage.DEVELOPMENT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    with pytest.raises(InputError, match="not empty"):
        opened.write(tmp_path / "out")
    with pytest.raises(StoreError, match="file stands where"):
        opened.write(tmp_path / "out" / "x")


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "."])
def test_a_path_that_leads_out_of_the_folder_is_refused(seal, tmp_path, path):
    with pytest.raises(IntegrityError, match="leads out"):
        Opened(seal, {path: b"x"}).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list(tmp_path.glob(".out.*")) == []


# --- statements

digests = st.binary(max_size=8).map(sha256)
names = st.text(min_size=1, max_size=8)
times = st.just(START)
moves = st.builds(
    Move,
    names,
    st.sampled_from(Stage),
    st.integers(1, 10**6),
    st.sampled_from(Action),
    digests,
    st.none() | digests,
    st.none() | st.integers(1, 10**6),
    st.none() | digests,
    times,
)
sealed_files = st.builds(SealedFile, names, digests, st.integers(0, 2**50), digests)
seals = st.builds(
    Seal,
    names,
    st.lists(sealed_files, max_size=4, unique_by=lambda f: f.path).map(tuple),
    st.just(()),
    st.binary(max_size=40),
    names,
    digests,
    times,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)


@given(move=moves)
def test_a_move_survives_its_statement(move):
    assert Move.from_statement(Statement.parse(move.to_statement().payload())) == move


@given(seal=seals)
def test_a_seal_survives_its_statement(seal):
    assert Seal.from_statement(Statement.parse(seal.to_statement().payload())) == seal


@settings(max_examples=200)
@given(data=st.data(), kind=st.sampled_from([SEAL_TYPE, PROMOTION_TYPE, "urn:other"]))
def test_a_predicate_with_any_field_replaced_raises_nothing_but_our_errors(data, kind):
    good = (data.draw(moves) if kind == PROMOTION_TYPE else data.draw(seals)).to_statement()
    field = data.draw(st.sampled_from(sorted(good.predicate)))
    bad = {**good.predicate, field: data.draw(anything)}
    reader = Move if kind == PROMOTION_TYPE else Seal
    try:
        reader.from_statement(Statement(kind, good.subjects, bad))
    except (InputError, IntegrityError):
        return


def test_a_seal_that_names_another_version_is_refused(seal):
    statement = seal.to_statement()
    bad = {**statement.predicate, "version": str(sha256(b"other"))}
    with pytest.raises(IntegrityError, match="another version"):
        Seal.from_statement(Statement(SEAL_TYPE, statement.subjects, bad))


def fields(seal: Seal) -> dict[str, object]:
    return {name: getattr(seal, name) for name in seal.__dataclass_fields__}
