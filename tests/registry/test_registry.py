"""Sealed versions and their moves between stages, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from strongroom.domain.decision import Stage
from strongroom.domain.digests import sha256
from strongroom.domain.errors import (
    ConflictError,
    DeniedError,
    InputError,
    IntegrityError,
    StoreError,
    TrustError,
)
from strongroom.home.leaf import Leaf
from strongroom.keys.trust import PROMOTION_TYPE, SEAL_TYPE
from strongroom.registry.registry import Registry
from strongroom.registry.statements import Action
from strongroom.storage.tables import moves, records, versions
from strongroom.testing.releases import decide, decision_about, make_release

DEV, VAL, PROD = Stage


def sealed_objects(home) -> int:
    return sum(1 for path in home.folder.glob("objects/sha256/*/*") if path.is_file())


# --- promotion


def test_a_promoted_version_stands_in_its_stage_and_opens_to_the_same_bytes(shop, registry):
    move = shop.promote(b"a model")
    assert (move.number, move.action, move.replaced, move.below) == (1, Action.PROMOTE, None, None)
    assert registry.current("fraud", DEV) == move
    opened = registry.open("fraud", DEV)
    loaded = shop.release(b"a model")
    assert opened.version == move.version
    assert opened.files == {
        "strongroom.yaml": loaded.source,
        "model/model.bin": b"a model",
        "model/card.md": b"# model card\n",
        "requirements.txt": b"numpy==2.4.6\n",
    }


def test_nothing_of_a_sealed_model_lies_readable_in_the_home(shop, home):
    shop.promote(b"a secret that must not leak")
    for path in home.folder.rglob("*"):
        if path.is_file():
            assert b"must not leak" not in path.read_bytes(), path


def test_everything_that_happens_is_in_the_ledger(shop, home, registry):
    shop.promote(b"one")
    shop.promote(b"two")
    registry.rollback("fraud", DEV)
    kinds = [r.kind for k in (SEAL_TYPE, PROMOTION_TYPE) for r in home.records(k)]
    assert kinds == [SEAL_TYPE] * 2 + [PROMOTION_TYPE] * 3
    for kind in (SEAL_TYPE, PROMOTION_TYPE):
        for record in home.records(kind):
            home.check_logged(record)


def test_each_stage_is_entered_from_the_one_before(shop, home, registry):
    loaded = shop.release(b"one")
    for stage in (VAL, PROD):
        decide(home, loaded, stage)
        with pytest.raises(DeniedError, match="does not stand in"):
            registry.promote(loaded, stage)
    decide(home, loaded, DEV)
    for stage in Stage:
        assert registry.promote(loaded, stage).stage is stage
    (version,) = registry.versions("fraud")
    assert version.stages == tuple(Stage)


def test_a_version_that_was_replaced_in_the_stage_before_may_not_go_on(shop, home, registry):
    shop.promote(b"one")
    shop.promote(b"two")
    decide(home, shop.release(b"one"), VAL)
    with pytest.raises(DeniedError, match="does not stand in development"):
        registry.promote(shop.release(b"one"), VAL)


def test_the_same_version_is_sealed_once_however_often_it_moves(shop, home, registry):
    first = shop.promote(b"one", DEV)
    objects = sealed_objects(home)
    second = shop.promote(b"one", VAL)
    assert first.version == second.version
    assert len(list(home.records(SEAL_TYPE))) == 1
    assert sealed_objects(home) == objects + 2, "the decision's and the promotion's envelopes"


def test_other_bytes_in_any_file_or_data_set_make_another_version(shop, home, registry):
    seen = {shop.promote(b"one").version}
    for name in ("model/card.md", "train.csv", "test.csv", "requirements.txt", "strongroom.yaml"):
        loaded = shop.release(b"one")
        path = loaded.folder / name
        path.write_bytes(path.read_bytes() + b"\n")
        changed = type(loaded)(loaded.system, loaded.folder, loaded.digest, loaded.source)
        if name == "strongroom.yaml":
            source = path.read_bytes()
            changed = type(loaded)(loaded.system, loaded.folder, sha256(source), source)
        decide(home, changed, DEV)
        seen.add(registry.promote(changed, DEV).version)
    assert len(seen) == 6


def test_what_stands_there_already_is_not_promoted_again(shop, registry):
    shop.promote(b"one")
    with pytest.raises(ConflictError, match="stands in development already"):
        shop.promote(b"one")


def test_a_system_without_model_cannot_be_sealed(shop, home, registry):
    loaded = shop.release(b"one")
    bare = type(loaded)(
        loaded.system.model_copy(update={"model": None, "data": None, "dependencies": None}),
        loaded.folder,
        loaded.digest,
        loaded.source,
    )
    decide(home, bare, DEV)
    with pytest.raises(InputError, match="declares no model"):
        registry.promote(bare, DEV)


# --- decisions


def test_without_a_decision_nothing_moves_and_the_message_says_what_to_run(shop, registry):
    with pytest.raises(DeniedError, match=r"no decision.*run `strongroom gate --to development`"):
        registry.promote(shop.release(), DEV)


@pytest.mark.parametrize("other", ["stage", "bytes", "system"])
def test_a_decision_about_something_else_lets_nothing_move(shop, home, registry, other):
    loaded = shop.release()
    about = shop.release(b"other") if other == "bytes" else loaded
    about = shop.release(name="aml") if other == "system" else about
    decide(home, about, VAL if other == "stage" else DEV)
    with pytest.raises(DeniedError, match="no decision"):
        registry.promote(loaded, DEV)


def test_a_model_that_changed_after_its_decision_does_not_move(shop, home, registry):
    loaded = shop.release()
    decide(home, loaded, DEV)
    (loaded.folder / "model" / "model.bin").write_bytes(b"swapped")
    with pytest.raises(DeniedError, match="no decision"):
        registry.promote(loaded, DEV)


def test_the_newest_decision_counts_and_a_denial_takes_an_allowance_back(shop, home, registry):
    loaded = shop.release()
    decide(home, loaded, DEV)
    decide(home, loaded, DEV, allow=False)
    with pytest.raises(DeniedError, match="denied it: SR-TEST-01"):
        registry.promote(loaded, DEV)
    decide(home, loaded, DEV)
    registry.promote(loaded, DEV)


def test_a_decision_that_is_named_must_be_the_newest(shop, home, registry):
    loaded = shop.release()
    old, new = decide(home, loaded, DEV), decide(home, loaded, DEV)
    with pytest.raises(DeniedError, match="not the newest"):
        registry.promote(loaded, DEV, old.digest)
    assert registry.promote(loaded, DEV, new.digest).decision == new.digest


def test_a_decision_is_good_for_seven_days(shop, home, registry, clock):
    loaded = shop.release()
    decide(home, loaded, DEV)
    clock.advance(timedelta(days=7))
    with pytest.raises(DeniedError, match="older than 7 days"):
        registry.promote(loaded, DEV)


def test_a_decision_by_a_key_that_may_not_decide_is_none(shop, home, registry):
    loaded = shop.release()
    home.record(decision_about(home, loaded, DEV).to_statement(), "assessor")
    with pytest.raises(DeniedError, match="no decision"):
        registry.promote(loaded, DEV)


def test_a_decision_by_a_revoked_key_is_none(shop, home, registry):
    loaded = shop.release()
    home.revoke_key("gate", home.clock())
    decide(home, loaded, DEV)
    with pytest.raises(DeniedError, match="no decision"):
        registry.promote(loaded, DEV)


def test_a_decision_that_the_index_dates_otherwise_than_the_ledger_is_refused(
    shop, home, registry, clock
):
    loaded = shop.release()
    old = decide(home, loaded, DEV)
    clock.advance(timedelta(days=30))
    leaf = replace(Leaf.parse(old.leaf, where="leaf"), at=home.clock())
    with home.database.write() as connection:
        row = records.c.envelope == str(old.envelope_digest)
        connection.execute(update(records).where(row).values(leaf=leaf.to_bytes().decode()))
    with pytest.raises(IntegrityError, match="not what stands at index"):
        registry.promote(loaded, DEV)


# --- compare and swap


def test_whoever_saw_an_older_state_of_the_stage_is_refused(shop, home, registry):
    first = shop.promote(b"one")
    loaded = shop.release(b"two")
    decide(home, loaded, DEV)
    with pytest.raises(ConflictError, match="somebody else moved development meanwhile"):
        registry.promote(loaded, DEV, over=0)
    assert registry.current("fraud", DEV) == first
    assert registry.promote(loaded, DEV, over=1).number == 2


# --- rollback


def test_rolling_back_returns_to_what_stood_before_step_by_step(shop, registry):
    one, two, three = (shop.promote(model) for model in (b"one", b"two", b"three"))
    back = registry.rollback("fraud", DEV)
    assert (back.action, back.version, back.replaced) == (
        Action.ROLLBACK,
        two.version,
        three.version,
    )
    assert registry.rollback("fraud", DEV).version == one.version
    with pytest.raises(DeniedError, match="nothing else stood in development"):
        registry.rollback("fraud", DEV)
    assert registry.open("fraud", DEV).files["model/model.bin"] == b"one"
    assert [m.number for m in registry.history("fraud", DEV)] == [5, 4, 3, 2, 1]


def test_after_a_rollback_a_promotion_goes_on_from_there(shop, registry):
    one = shop.promote(b"one")
    shop.promote(b"two")
    registry.rollback("fraud", DEV)
    shop.promote(b"three")
    assert registry.rollback("fraud", DEV).version == one.version


def test_an_empty_stage_cannot_be_rolled_back(registry):
    with pytest.raises(DeniedError, match="nothing stands in production"):
        registry.rollback("fraud", PROD)


def test_a_version_whose_files_are_gone_is_not_put_back(shop, home, registry):
    one = shop.promote(b"one")
    shop.promote(b"two")
    (version,) = (v for v in registry.versions() if v.digest == one.version)
    home.objects.delete(version.seal.files[0].object)
    with pytest.raises(IntegrityError, match=version.seal.files[0].path):
        registry.rollback("fraud", DEV)


# --- what is there


def test_versions_are_listed_by_system_newest_first(shop, registry, home):
    one, two = shop.promote(b"one"), shop.promote(b"two")
    aml = shop.release(name="aml")
    decide(home, aml, DEV)
    registry.promote(aml, DEV)
    assert [v.digest for v in registry.versions("fraud")] == [two.version, one.version]
    assert [v.stages for v in registry.versions("fraud")] == [(DEV,), ()]
    assert {v.seal.system for v in registry.versions()} == {"fraud", "aml"}
    assert registry.versions("none") == ()


def test_what_is_not_there_is_an_input_error(shop, registry):
    move = shop.promote(b"one")
    with pytest.raises(InputError, match="nothing stands in production"):
        registry.open("fraud", PROD)
    with pytest.raises(InputError, match="no such version"):
        registry.open("fraud", sha256(b"none"))
    with pytest.raises(InputError, match="is a version of fraud"):
        registry.open("aml", move.version)
    assert registry.open("fraud", move.version).version == move.version


# --- tables that were lost, or lied to


def test_lost_tables_are_made_again_from_the_signed_records(shop, home, registry):
    shop.promote(b"one")
    shop.promote(b"two")
    registry.rollback("fraud", DEV)
    before = registry.history("fraud", DEV), registry.versions()
    with home.database.write() as connection:
        connection.execute(delete(moves))
        connection.execute(delete(versions))
    again = Registry(home)
    assert (again.history("fraud", DEV), again.versions()) == before


def test_a_move_that_was_deleted_comes_back(shop, home, registry):
    """Deleting the last row would else be a rollback that nobody signed."""
    shop.promote(b"one")
    two = shop.promote(b"two")
    with home.database.write() as connection:
        connection.execute(delete(moves).where(moves.c.number == 2))
    assert Registry(home).current("fraud", DEV) == two


def test_a_row_that_says_other_than_was_signed_is_refused(shop, home, registry):
    one, _ = shop.promote(b"one"), shop.promote(b"two")
    with home.database.write() as connection:
        row = moves.c.number == 2
        connection.execute(update(moves).where(row).values(version=str(one.version)))
    with pytest.raises(IntegrityError, match="other things than the signed promotion"):
        registry.open("fraud", DEV)


def test_an_old_promotion_does_not_pass_for_a_new_one(shop, home, registry):
    shop.promote(b"one")
    shop.promote(b"two")
    with home.database.write() as connection:
        row = connection.execute(moves.select().where(moves.c.number == 1)).mappings().one()
        connection.execute(insert(moves).values({**row, "number": 3, "below": 2}))
    with pytest.raises(IntegrityError, match="other things than the signed promotion"):
        registry.current("fraud", DEV)


def test_a_seal_that_stands_for_another_version_is_refused(shop, home, registry):
    one, two = shop.promote(b"one"), shop.promote(b"two")
    with home.database.write() as connection:
        rows = {r["version"]: r for r in connection.execute(versions.select()).mappings()}
        connection.execute(delete(versions).where(versions.c.version == str(one.version)))
        connection.execute(
            update(versions)
            .where(versions.c.version == str(two.version))
            .values(statement=rows[str(one.version)]["statement"])
        )
    with pytest.raises(IntegrityError, match="another version's seal"):
        registry.open("fraud", DEV)


def test_a_seal_by_a_key_that_may_not_seal_is_refused(shop, home, registry):
    move = shop.promote(b"one")
    seal = registry.versions()[0].seal
    by_gate = home.record(seal.to_statement(), "gate")
    assert by_gate.statement == seal.to_statement()
    with pytest.raises(TrustError, match="gate may not sign seal"):
        registry.open("fraud", move.version)


# --- the store refuses


def test_a_missing_object_is_named(shop, home, registry):
    shop.promote(b"one")
    home.objects.delete(registry.versions()[0].seal.files[0].object)
    with pytest.raises(StoreError, match="is missing"):
        registry.open("fraud", DEV)


def test_a_home_that_moved_opens_what_it_sealed(shop, home, registry, clock, settings, tmp_path):
    shop.promote(b"one")
    home.close()
    shutil.move(home.folder, tmp_path / "elsewhere")
    with type(home).open(tmp_path / "elsewhere", clock=clock, settings=settings) as moved:
        assert Registry(moved).open("fraud", DEV).files["model/model.bin"] == b"one"


def test_two_systems_may_hold_the_same_files(home, registry, tmp_path):
    for name in ("one", "two"):
        loaded = make_release(tmp_path / name, b"shared", name=name)
        decide(home, loaded, DEV)
        registry.promote(loaded, DEV)
    assert len({v.digest for v in registry.versions()}) == 2
