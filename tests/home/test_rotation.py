"""Signing keys of services: another one takes over, and what the old one signed stands."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from strongroom.domain.errors import InputError, TrustError
from strongroom.domain.statement import Statement
from strongroom.home.keyring import NEXT
from strongroom.home.stewardship import OVERLAP
from strongroom.keys.dsse import sign
from strongroom.keys.trust import SEAL_TYPE, Role

SEAL = Statement(SEAL_TYPE, (), {"system": "fraud"})


def test_the_new_key_signs_and_what_the_old_one_signed_stands(opened, clock):
    home = opened()
    old, before = sign(SEAL, home.signer("registry")), clock()
    home.rotate_key("registry")
    new = sign(SEAL, home.signer("registry"))
    assert new.signatures[0].key_id != old.signatures[0].key_id
    home.trust.verify(old, Role.SEAL, scope="fraud", at=before)
    clock.advance(OVERLAP)
    home.trust.verify(new, Role.SEAL, scope="fraud", at=clock())
    with pytest.raises(TrustError, match="registry's key expired"):
        home.trust.verify(old, Role.SEAL, scope="fraud", at=clock())


def test_another_process_takes_the_new_key_without_being_told(opened):
    first, second = opened(), opened()
    old = second.signer("gate").public
    new = first.rotate_key("gate").key
    assert second.signer("gate").public == new != old


def test_a_rotation_that_was_cut_short_is_ended_or_taken_back(opened, folder):
    home = opened()
    keys = folder / "keys"
    shutil.copy(keys / "gate.pem", keys / f"registry.pem{NEXT}")  # known: as if not yet moved
    home.close()
    gate = opened().signer("gate").public
    assert opened().signer("registry").public == gate
    assert not list(keys.glob(f"*{NEXT}"))


def test_the_ledgers_key_and_peoples_are_not_rotated(opened):
    home = opened()
    home.add_key("alice", [Role.APPROVAL])
    with pytest.raises(InputError, match="a log with another key is another log"):
        home.rotate_key("ledger")
    with pytest.raises(InputError, match="alice is no service"):
        home.rotate_key("alice")


def test_a_key_is_extended_and_that_is_logged(opened, clock):
    home = opened()
    clock.advance(timedelta(days=700))
    until = home.extend_key("ledger", timedelta(days=730)).valid_until
    assert until > clock() + timedelta(days=729)
    home.close()
    assert any(k.name == "ledger" and k.valid_until == until for k in opened().trust.keys)
