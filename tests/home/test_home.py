"""One folder that binds database, objects, ledger, keys and trust."""

import os
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from strongroom.domain.errors import (
    InputError,
    IntegrityError,
    KeyAccessError,
    LimitError,
    StoreError,
    TrustError,
)
from strongroom.home.leaf import Leaf
from strongroom.home.settings import Settings
from strongroom.keys.dsse import Envelope, Signature, sign
from strongroom.keys.keypair import generate
from strongroom.keys.trust import Role
from strongroom.storage.tables import about, records
from strongroom.testing.homes import NOTE_TYPE, START, HandClock, note


def texts(home, **wanted) -> list[str]:
    return [r.statement.predicate["text"] for r in home.records(NOTE_TYPE, **wanted)]


def test_a_new_home_has_service_keys_that_may_sign_what_they_are_for(opened):
    home = opened()
    roles = {k.name: k.roles for k in home.trust.keys}
    assert roles == {
        "assessor": (Role.EVIDENCE,),
        "gate": (Role.DECISION,),
        "registry": (Role.SEAL, Role.PROMOTION, Role.BUNDLE),
        "recorder": (Role.PROVENANCE, Role.MATERIALS),
        "ledger": (Role.CHECKPOINT,),
    }
    assert {home.signer(k.name).public for k in home.trust.keys} == {k.key for k in home.trust.keys}


def test_a_home_opens_again_with_what_was_recorded(opened):
    first = opened().record(note("one"), "assessor")
    home = opened(create=False)
    again = home.record_of(first.digest)
    assert again == first
    assert Leaf.parse(home.ledger.entry(again.ledger_index), where="here").statement == first.digest
    assert again.recorded_at > START


def test_a_home_needs_no_setting_and_takes_none_from_the_environment_when_given(opened, folder):
    opened()
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["keys", "ledger", "objects"]
    assert (folder / "local.secret").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_without_create_a_folder_that_is_no_home_is_refused(opened, tmp_path):
    with pytest.raises(StoreError, match=r"no Strongroom home here.*--home DIR"):
        opened(tmp_path / "none", create=False)


def test_a_home_cannot_be_made_under_a_file(opened, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        opened(tmp_path / "file" / "home")


def test_a_folder_with_other_things_in_it_is_not_made_a_home(opened, folder):
    folder.mkdir()
    (folder / "thesis.txt").touch()
    with pytest.raises(StoreError, match="name a folder that is new or empty"):
        opened()
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_an_empty_folder_and_a_link_to_one_become_homes(opened, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    opened(tmp_path / "empty")
    opened(tmp_path / "link")
    assert (tmp_path / "disk" / "home.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder, whatever its mode")
def test_a_read_only_folder_is_said_to_be_one(opened, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="may write to"):
            opened()
    finally:
        tmp_path.chmod(0o700)


def test_a_home_of_a_newer_format_is_refused(opened, folder):
    opened().close()
    (folder / "home.json").write_text('{"id": "0", "version": 2}')
    with pytest.raises(StoreError, match="format 2, this release knows up to 1"):
        opened()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', '{"id":"x","version":"y"}'])
def test_a_damaged_home_file_is_said_to_be_damaged(opened, folder, text):
    opened().close()
    (folder / "home.json").write_text(text)
    with pytest.raises(StoreError, match="damaged"):
        opened()


# --- secrets


def test_a_passphrase_opens_the_home_that_was_made_with_it(opened):
    opened(passphrase=b"correct horse").record(note("one"), "assessor")
    assert texts(opened(settings=Settings(passphrase=b"correct horse"))) == ["one"]


def test_a_wrong_passphrase_is_refused_with_what_to_do(opened):
    opened(passphrase=b"correct horse")
    with pytest.raises(KeyAccessError, match="set STRONGROOM_PASSPHRASE to the passphrase"):
        opened(passphrase=b"wrong")
    with pytest.raises(KeyAccessError, match="set STRONGROOM_PASSPHRASE"):
        opened()


def test_a_passphrase_for_a_home_that_has_none_is_refused_with_what_to_do(opened):
    opened()
    with pytest.raises(KeyAccessError, match="unset STRONGROOM_PASSPHRASE"):
        opened(passphrase=b"any")


def test_settings_are_read_from_a_mapping_and_do_not_show_what_they_hold():
    settings = Settings.parse(
        {"STRONGROOM_DATABASE": "postgresql://me:hunter2@h/d", "STRONGROOM_OBJECTS": ""}
    )
    assert settings == Settings(database="postgresql://me:hunter2@h/d")
    assert "hunter2" not in repr(settings)


# --- records


def test_records_come_newest_first_and_are_found_by_system(opened):
    home = opened()
    for text, system in (("one", "fraud"), ("two", "aml"), ("three", "fraud")):
        home.record(note(text, system=system), "assessor")
    assert texts(home) == ["three", "two", "one"]
    assert texts(home, newest_first=False) == ["one", "two", "three"]
    assert texts(home, system="fraud") == ["three", "one"]
    assert texts(home, system="other") == []


def test_the_same_statement_again_is_the_same_record(opened):
    home = opened()
    size = home.ledger.size
    assert home.record(note("one"), "assessor") == home.record(note("one"), "assessor")
    assert home.ledger.size == size + 1


def test_two_people_may_sign_the_same_words(opened):
    home = opened()
    by_one, by_two = home.record(note("one"), "assessor"), home.record(note("one"), "gate")
    assert by_one.digest == by_two.digest
    assert by_one.envelope != by_two.envelope
    assert home.record_of(by_one.digest) == by_two


def test_what_within_raises_takes_the_record_back(opened):
    home = opened()
    size = home.ledger.size

    def fail(connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        home.record(note("one"), "assessor", within=fail)
    assert texts(home) == []
    assert home.ledger.size == size


def test_an_envelope_that_is_no_statement_is_refused(opened):
    with pytest.raises(InputError, match="no statement"):
        opened().record_envelope(Envelope("text/plain", b"{}", (Signature("key", b"value"),)))


def test_a_name_that_the_index_cannot_hold_is_refused(opened):
    for name in ("x" * 201, "a\0b"):
        with pytest.raises(InputError, match="at most 200 characters"):
            opened().record(note("one", system=name), "assessor")


def test_a_record_whose_envelope_was_changed_is_refused(opened):
    home = opened()
    record = home.record(note("one"), "assessor")
    path = home.objects.path(record.envelope_digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(IntegrityError, match=record.digest.short):
        texts(home)


def test_an_unknown_digest_is_no_record(opened):
    assert opened().record_of(note("one").digest) is None


def test_only_a_record_that_the_ledger_has_is_proven(opened):
    home = opened()
    one, two = home.record(note("one"), "assessor"), home.record(note("two"), "assessor")
    home.check_logged(one)
    with home.database.write() as connection:
        for name, number in ((one, 100), (two, one.ledger_index)):
            row = records.c.envelope == str(name.envelope_digest)
            connection.execute(update(records).where(row).values(ledger_index=number))
    with pytest.raises(IntegrityError, match="the entry is not what stands at index"):
        home.check_logged(home.record_of(two.digest))


# --- index and ledger in step


def test_a_lost_index_is_made_again_from_ledger_and_objects(opened, folder):
    home = opened()
    kept = [home.record(note(text), "assessor") for text in ("one", "two", "three")]
    home.close()
    for path in folder.glob("index.sqlite*"):
        path.unlink()
    home = opened()
    assert texts(home) == ["three", "two", "one"]
    assert [home.record_of(r.digest) for r in kept] == kept


def test_an_index_from_an_old_backup_is_brought_up(opened, folder):
    home = opened()
    home.record(note("one"), "assessor")
    home.close()
    shutil.copy(folder / "index.sqlite", folder / "backup")
    home = opened()
    home.record(note("two"), "assessor")
    home.close()
    for path in folder.glob("index.sqlite-*"):
        path.unlink()
    shutil.move(folder / "backup", folder / "index.sqlite")
    assert texts(opened()) == ["two", "one"]


def test_a_row_that_somebody_deleted_is_made_again_in_its_place(opened):
    home = opened()
    kept = [home.record(note(text), "assessor") for text in ("one", "two", "three")]
    with home.database.write() as connection:
        row = records.c.envelope == str(kept[1].envelope_digest)
        connection.execute(delete(records).where(row))
    assert texts(home) == ["three", "one"]
    assert texts(opened()) == ["three", "two", "one"]


def test_a_ledger_that_was_cut_is_not_followed(opened, folder):
    home = opened()
    home.close()
    shutil.copytree(folder / "ledger", folder / "backup")
    opened().record(note("one"), "assessor")
    shutil.rmtree(folder / "ledger")
    (folder / "backup").rename(folder / "ledger")
    with pytest.raises(IntegrityError, match="ends at 1 entries, the index knows 2: it was cut"):
        opened()


def test_what_was_committed_and_not_logged_is_logged_on_opening(opened, folder):
    home = opened()
    size = home.ledger.size
    home.close()
    away = folder / "away"

    def hide(connection) -> None:
        (folder / "ledger").rename(away)

    with pytest.raises(StoreError):
        home.record(note("one"), "assessor", within=hide)
    away.rename(folder / "ledger")
    home = opened()
    assert texts(home) == ["one"]
    assert home.ledger.size == size + 1
    assert opened().ledger.size == size + 1


def test_what_another_process_committed_and_has_not_logged_yet_is_logged_before_it_is_proven(
    opened, folder
):
    home, other = opened(), opened()
    away = folder / "away"

    def hide(connection) -> None:
        (folder / "ledger").rename(away)

    with pytest.raises(StoreError):
        other.record(note("one"), "assessor", within=hide)
    away.rename(folder / "ledger")
    record = home.record_of(note("one").digest)
    assert record.ledger_index is None
    home.check_logged(record)
    assert home.record_of(record.digest).ledger_index == home.ledger.size - 1


def test_an_entry_of_the_ledger_that_is_none_of_ours_is_named(opened):
    home = opened()
    home.ledger.append([b"hello"])
    with pytest.raises(IntegrityError, match="ledger entry 1: not a line of ours"):
        opened()


def test_a_database_belongs_to_one_home(opened, tmp_path, database_url):
    settings = Settings(database=database_url)
    opened(tmp_path / "one", settings=settings)
    with pytest.raises(StoreError, match="give each home a database of its own"):
        opened(tmp_path / "two", settings=settings)


def test_records_live_in_the_database_that_was_named(opened, database_url):
    settings = Settings(database=database_url)
    opened(settings=settings).record(note("one"), "assessor")
    home = opened(settings=settings)
    assert texts(home) == ["one"]
    with home.database.read() as connection:
        assert connection.execute(about.select()).mappings().all()


# --- trust


def test_a_key_that_is_added_is_trusted_and_logged(opened, clock):
    home = opened()
    public = home.add_key("alice", [Role.APPROVAL], scopes=["fraud"], passphrase=b"hers")
    home = opened()
    (alice,) = (k for k in home.trust.keys if k.name == "alice")
    assert (alice.key, alice.roles, alice.scopes) == (public, (Role.APPROVAL,), ("fraud",))
    newest = next(home.records("urn:strongroom:key-event:v1"))
    assert newest.statement.predicate["name"] == "alice"
    assert newest.statement.predicate["action"] == "add"


def test_a_person_s_key_opens_with_her_passphrase_only(opened):
    opened().add_key("alice", [Role.APPROVAL], passphrase=b"hers")
    home = opened()
    with pytest.raises(KeyAccessError, match=r"alice\.pem"):
        home.signer("alice")
    signed = home.record(note("hers"), "alice", passphrase=b"hers")
    assert signed.envelope == sign(note("hers"), home.signer("alice", b"hers"))
    with pytest.raises(KeyAccessError, match="wrong passphrase"):
        home.signer("alice", b"not hers")
    assert home.signer("alice", b"hers").public in {k.key for k in home.trust.keys}


def test_a_taken_name_a_strange_name_and_an_unknown_name_are_refused(opened):
    home = opened()
    with pytest.raises(StoreError, match="already"):
        home.add_key("gate", [Role.APPROVAL])
    for name in ("", "../up", "A", "x" * 64, "a/b"):
        with pytest.raises(InputError, match="not a key name"):
            home.add_key(name, [Role.APPROVAL])
    with pytest.raises(KeyAccessError, match="strongroom keys new bob"):
        home.signer("bob")
    with pytest.raises(TrustError, match="bob"):
        home.revoke_key("bob", START)


def test_a_revoked_key_vouches_for_nothing_from_then_on(opened, clock):
    home = opened()
    before = home.clock()
    clock.advance(timedelta(hours=1))
    home.revoke_key("gate", home.clock())
    (gate,) = (k for k in opened().trust.keys if k.name == "gate")
    assert gate.objection(Role.DECISION, "fraud", before) is None
    assert "revoked" in gate.objection(Role.DECISION, "fraud", home.clock())


def test_a_key_made_elsewhere_can_be_trusted_once(opened):
    home = opened()
    (gate,) = (k for k in home.trust.keys if k.name == "gate")
    other = type(gate)("gate", generate().public, gate.roles, ("*",), START, gate.valid_until)
    home.trust_key(other)
    assert other in opened().trust.keys
    with pytest.raises(InputError):
        home.trust_key(other)


def test_a_trust_policy_that_somebody_edited_is_refused(opened, folder):
    home = opened()
    mallory = type(home.trust.keys[0])(
        "mallory", generate().public, (Role.DECISION,), ("*",), START, START + timedelta(days=9)
    )
    (folder / "trust.json").write_bytes(home.trust.with_key(mallory).to_bytes())
    with pytest.raises(IntegrityError, match=r"trust\.json: .*not the one that was logged last"):
        opened()


def test_an_older_trust_policy_is_brought_up_and_a_lost_one_is_restored(opened, folder):
    old = opened().folder.joinpath("trust.json").read_bytes()
    home = opened()
    home.revoke_key("gate", home.clock())
    new = folder.joinpath("trust.json").read_bytes()
    for damage in (lambda p: p.write_bytes(old), lambda p: p.unlink()):
        damage(folder / "trust.json")
        opened()
        assert folder.joinpath("trust.json").read_bytes() == new


def test_a_change_of_trust_that_the_home_did_not_sign_is_refused(opened, folder):
    """Whoever may record envelopes could else log a policy of his own."""
    home = opened()
    event = next(home.records("urn:strongroom:key-event:v1")).statement
    (folder / "trust.json").write_bytes(b"{}")
    home.record_envelope(sign(event, generate()))
    with pytest.raises(IntegrityError, match="not signed by this home's ledger key"):
        opened()


def test_a_damaged_trust_policy_is_an_input_error_when_it_is_read(opened, folder):
    home = opened()
    (folder / "trust.json").write_bytes(b"{")
    with pytest.raises(InputError, match=r"trust\.json"):
        _ = home.trust


# --- leaves


def test_a_leaf_says_in_short_what_it_is_about_and_always_fits():
    statement = note("x")
    long = type(statement)(NOTE_TYPE, statement.subjects, {"verdict": "allow", "stage": "y" * 999})
    leaf = Leaf.of(long, statement.digest, HandClock()())
    assert leaf.summary == ("allow " + "y" * 999)[:200]
    assert Leaf.parse(leaf.to_bytes(), where="here") == leaf


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"kind":1}', b"\xff", b"1" * 70_000])
def test_bytes_that_are_no_leaf_are_refused(data):
    with pytest.raises((InputError, LimitError)):
        Leaf.parse(data, where="here")
