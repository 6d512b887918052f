"""Asking leave: on record either way, in a real home."""

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.access.leave import in_force, leave, put_in_force
from strongroom.governance.access.policy import Action, Request
from strongroom.home.home import Home
from strongroom.keys.trust import ACT_TYPE, REFUSAL_TYPE, Role

POLICY = """version: 1
environment: production
people:
  ada: [admin]
  bob: [approver]
  erin: [engineer]
"""
PASS = b"a long passphrase"
PROMOTE = Request("bob", Action.PROMOTE, "card-fraud", Stage.PRODUCTION)


@pytest.fixture
def home(tmp_path):
    with Home.open(tmp_path / "home", create=True) as home:
        for name in ("ada", "bob", "erin"):
            home.add_key(name, [Role.ACT], passphrase=PASS)
        yield home


def records(home, kind):
    return [dict(r.statement.predicate) for r in home.records(kind)]


def test_a_home_without_a_policy_lets_whoever_opens_it_do_everything(home):
    leave(home, Request("", Action.SHRED, "card-fraud"), None)
    assert in_force(home) is None
    assert records(home, ACT_TYPE) == []


def test_what_is_allowed_is_logged_in_the_actors_own_hand(home):
    put_in_force(home, POLICY, "ada", PASS)
    leave(home, PROMOTE, PASS)
    (record,) = home.records(ACT_TYPE)
    home.check_logged(record)
    vouched = home.trust.verify(record.envelope, Role.ACT, scope="home", at=record.recorded_at)
    assert vouched.signers == ("bob",)
    assert record.statement.predicate["because"] == ["approver-moves-into-production"]


@pytest.mark.parametrize(
    ("request_", "passphrase", "why"),
    [
        (Request("erin", Action.PROMOTE, "card-fraud", Stage.PRODUCTION), PASS, "no policy allows"),
        (PROMOTE, b"a wrong passphrase", "passphrase"),
        (Request("", Action.PROMOTE, "card-fraud", Stage.PRODUCTION), PASS, "nobody said"),
        (Request("mallory", Action.PROMOTE, "card-fraud"), PASS, "mallory"),
        (Request("gate", Action.PROMOTE, "card-fraud"), None, "gate"),
    ],
    ids=["role", "passphrase", "nobody", "stranger", "service-key"],
)
def test_every_refusal_is_logged_and_says_why(home, request_, passphrase, why):
    put_in_force(home, POLICY, "ada", PASS)
    with pytest.raises(DeniedError, match=why):
        leave(home, request_, passphrase)
    (refused,) = records(home, REFUSAL_TYPE)
    assert (refused["actor"], refused["action"]) == (request_.actor, "promote")
    assert records(home, ACT_TYPE) == []


def test_only_an_admin_changes_the_policy_and_nobody_locks_everybody_out(home):
    with pytest.raises(InputError, match="bob is not admin"):
        put_in_force(home, POLICY, "bob", PASS)
    put_in_force(home, POLICY, "ada", PASS)
    with pytest.raises(DeniedError):
        put_in_force(home, POLICY.replace("bob: [approver]", "bob: [admin]"), "bob", PASS)
    put_in_force(home, POLICY.replace("erin: [engineer]", "erin: [auditor]"), "ada", PASS)
    with pytest.raises(DeniedError):
        leave(home, Request("erin", Action.ASSESS, "card-fraud"), PASS)


def test_a_revoked_key_acts_no_more(home):
    put_in_force(home, POLICY, "ada", PASS)
    home.revoke_key("bob", home.clock())
    with pytest.raises(DeniedError):
        leave(home, PROMOTE, PASS)
