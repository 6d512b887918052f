"""Policies are signed and counted; a gateway loads what somebody trusted vouches for."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.domain.errors import ConflictError, InputError, IntegrityError, TrustError
from strongroom.guard.signing import Vouching, sign_policy, verify_policy
from strongroom.home.home import Home
from strongroom.keys.trust import GUARD_POLICY_TYPE, Role

NAMES = (f"shop-{number}" for number in itertools.count())
TEXT = "version: 1\nname: {name}\nrevision: {revision}\nlevel: {level}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with Home.open(tmp_path_factory.mktemp("home") / "home", create=True) as one:
        one.add_key("olga", (Role.GUARD_POLICY,), scopes=("shop*",))
        one.add_key("eve", (Role.APPROVAL,))
        yield one


@pytest.fixture
def policy(tmp_path):
    """Writes a policy of this test's own name."""
    name = next(NAMES)

    def write(revision: int = 1, level: str = "balanced", name: str = name):
        path = tmp_path / "policy.yaml"
        path.write_text(TEXT.format(name=name, revision=revision, level=level))
        return path

    return write


@pytest.fixture
def vouching(home, tmp_path):
    return Vouching(home.trust, tmp_path / "state.json", lambda: datetime.now(UTC))


def load(vouching, path) -> None:
    vouching(path, path.read_bytes())


def test_what_was_signed_is_loaded_and_recorded(home, policy, vouching) -> None:
    path = policy()
    signed = sign_policy(home, path, "olga", None)
    load(vouching, path)
    load(vouching, path)  # a reload of the same one
    assert verify_policy(path, path.read_bytes(), home.trust, home.clock()) == signed
    (record,) = home.records(GUARD_POLICY_TYPE, system=signed.policy.file.name)
    home.check_logged(record)


def test_what_nobody_signed_is_refused(policy, vouching) -> None:
    with pytest.raises(TrustError, match="is not signed"):
        load(vouching, policy())


def test_one_changed_byte_is_refused(home, policy, vouching) -> None:
    path = policy()
    sign_policy(home, path, "olga", None)
    path.write_text(path.read_text() + "enforce: false\n")
    with pytest.raises(IntegrityError, match="not the file that was signed"):
        load(vouching, path)


def test_the_signature_of_another_policy_does_not_help(home, policy, vouching) -> None:
    path = policy()
    sign_policy(home, path, "olga", None)
    path = policy(name="shop-other")
    with pytest.raises(TrustError):
        load(vouching, path)


def test_an_older_policy_with_its_good_signature_does_not_come_back(home, policy, vouching) -> None:
    path = policy(1, "strict")
    sign_policy(home, path, "olga", None)
    old = path.read_bytes(), path.with_name("policy.yaml.dsse").read_bytes()
    path = policy(2)
    sign_policy(home, path, "olga", None)
    load(vouching, path)
    path.write_bytes(old[0])
    path.with_name("policy.yaml.dsse").write_bytes(old[1])
    with pytest.raises(TrustError, match="revision 1, 2 was in force"):
        load(vouching, path)


def test_a_revision_is_given_once(home, policy) -> None:
    sign_policy(home, policy(3), "olga", None)
    with pytest.raises(ConflictError, match="not newer than 3"):
        sign_policy(home, policy(3, "strict"), "olga", None)
    with pytest.raises(ConflictError, match="not newer than 3"):
        sign_policy(home, policy(2), "olga", None)


def test_only_a_key_with_the_role_and_the_scope_may_sign(home, policy) -> None:
    with pytest.raises(TrustError, match="may not sign guard-policy"):
        sign_policy(home, policy(), "eve", None)
    with pytest.raises(TrustError, match="may not sign guard-policy of bank"):
        sign_policy(home, policy(name="bank"), "olga", None)


def test_a_key_that_ended_vouches_for_nothing_any_more(home, policy, tmp_path) -> None:
    path = policy()
    sign_policy(home, path, "olga", None)
    later = Vouching(home.trust, tmp_path / "s", lambda: datetime.now(UTC) + timedelta(days=800))
    with pytest.raises(TrustError, match="expired"):
        load(later, path)


def test_a_damaged_memory_of_revisions_is_no_memory(home, policy, vouching) -> None:
    path = policy()
    sign_policy(home, path, "olga", None)
    vouching.state.write_text('{"policies": 3}')
    with pytest.raises(InputError, match="damaged"):
        load(vouching, path)


def test_a_policy_without_revision_cannot_be_signed(home, tmp_path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nname: shop\n")
    with pytest.raises(InputError, match="has a revision"):
        sign_policy(home, path, "olga", None)
