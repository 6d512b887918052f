"""Who may sign what: every refusal has its own message, and nothing but a good signature passes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.decision import APPROVAL_TYPE, DECISION_TYPE
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, IntegrityError, StrongroomError, TrustError
from strongroom.domain.evidence import EVIDENCE_TYPE
from strongroom.domain.statement import PAYLOAD_TYPE, Statement, Subject
from strongroom.keys.dsse import Envelope, Signature, pae, sign
from strongroom.keys.keypair import KeyPair, PublicKey, generate
from strongroom.keys.trust import ROLE_OF, Role, TrustedKey, TrustPolicy, scope_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
ASSESSOR, ALICE, BOB = generate(), generate("ecdsa-p256"), generate()


def trusted(name: str, pair: KeyPair, *roles: Role, **changes: Any) -> TrustedKey:
    fields: dict[str, Any] = {
        "name": name,
        "key": pair.public,
        "roles": roles,
        "scopes": ("*",),
        "valid_from": NOW - YEAR,
        "valid_until": NOW + YEAR,
    }
    return TrustedKey(**{**fields, **changes})


POLICY = TrustPolicy(
    (
        trusted("assessor", ASSESSOR, Role.EVIDENCE, scopes=("data.*", "privacy.membership")),
        trusted("alice", ALICE, Role.APPROVAL, Role.WAIVER, scopes=("fraud-*",)),
        trusted("bob", BOB, Role.APPROVAL),
    )
)
EVIDENCE = Statement(
    EVIDENCE_TYPE,
    (Subject("model", sha256(b"m")),),
    {"check": "data.schema@1", "system": "fraud-cards"},
)
APPROVAL = Statement(APPROVAL_TYPE, EVIDENCE.subjects, {"system": "fraud-cards"})


def vouch(envelope: Envelope, *, policy: TrustPolicy = POLICY, at: datetime = NOW) -> Any:
    return policy.verify(envelope, Role.EVIDENCE, scope="data.schema", at=at, where="e.json")


def approve(envelope: Envelope, scope: str = "fraud-cards") -> Any:
    return POLICY.verify(envelope, Role.APPROVAL, scope=scope, at=NOW)


def test_a_good_signature_is_vouched_for_by_name() -> None:
    vouched = vouch(sign(EVIDENCE, ASSESSOR))
    assert vouched.statement == EVIDENCE
    assert vouched.signers == ("assessor",)


def test_all_signers_are_named() -> None:
    assert approve(sign(APPROVAL, ALICE, BOB)).signers == ("alice", "bob")


def test_two_keys_of_one_holder_are_one_signer() -> None:
    """Else changing one's key would make four eyes of two."""
    second = generate()
    policy = POLICY.with_key(trusted("bob", second, Role.APPROVAL))
    envelope = sign(APPROVAL, BOB, second)
    vouched = policy.verify(envelope, Role.APPROVAL, scope="fraud-cards", at=NOW)
    assert vouched.signers == ("bob",)


def test_one_key_under_two_names_is_refused() -> None:
    with pytest.raises(InputError, match="bob and eve are listed with the same key"):
        POLICY.with_key(trusted("eve", BOB, Role.APPROVAL))


def test_an_unknown_key_is_refused() -> None:
    stranger = generate()
    with pytest.raises(TrustError, match=f"e.json: .*does not know: {stranger.public.key_id}"):
        vouch(sign(EVIDENCE, stranger))


def test_an_empty_policy_trusts_nobody() -> None:
    with pytest.raises(TrustError, match="does not know"):
        vouch(sign(EVIDENCE, ASSESSOR), policy=TrustPolicy(()))


def test_one_signature_that_does_not_count_spoils_the_others() -> None:
    with pytest.raises(TrustError, match="does not know"):
        approve(sign(APPROVAL, ALICE, generate()))


def test_a_changed_payload_is_refused() -> None:
    good = sign(EVIDENCE, ASSESSOR)
    changed = good.payload.replace(b"fraud-cards", b"fraud-loans")
    with pytest.raises(IntegrityError, match=r"e\.json: not what assessor signed"):
        vouch(Envelope(good.payload_type, changed, good.signatures))


def test_a_changed_payload_type_is_refused() -> None:
    good = sign(EVIDENCE, ASSESSOR)
    with pytest.raises(IntegrityError, match="not what assessor signed"):
        vouch(Envelope("application/json", good.payload, good.signatures))


def test_a_signature_moved_to_another_key_is_refused() -> None:
    (signature,) = sign(APPROVAL, ALICE).signatures
    moved = (Signature(BOB.public.key_id, signature.value),)
    with pytest.raises(IntegrityError, match="not what bob signed"):
        approve(Envelope(PAYLOAD_TYPE, APPROVAL.payload(), moved))


def test_a_signature_moved_to_another_statement_is_refused() -> None:
    envelope = sign(APPROVAL, ALICE)
    other = Statement(APPROVAL_TYPE, EVIDENCE.subjects, {"system": "fraud-loans"})
    with pytest.raises(IntegrityError, match="not what alice signed"):
        approve(Envelope(PAYLOAD_TYPE, other.payload(), envelope.signatures), "fraud-loans")


def test_something_else_than_a_statement_is_refused() -> None:
    value = ASSESSOR.sign(pae("text/plain", b"hello"))
    signature = Signature(ASSESSOR.public.key_id, value)
    with pytest.raises(TrustError, match="signed as text/plain, not as a statement"):
        vouch(Envelope("text/plain", b"hello", (signature,)))


def test_a_statement_that_is_not_canonical_is_refused() -> None:
    """Its digest, by which decisions name it, would be that of other bytes than were signed."""
    payload = json.dumps(json.loads(EVIDENCE.payload()), indent=1).encode()
    signature = Signature(ASSESSOR.public.key_id, ASSESSOR.sign(pae(PAYLOAD_TYPE, payload)))
    with pytest.raises(InputError, match="a form that is not canonical"):
        vouch(Envelope(PAYLOAD_TYPE, payload, (signature,)))


def test_a_role_that_the_key_does_not_have_is_refused() -> None:
    with pytest.raises(TrustError, match="bob may not sign evidence, only approval"):
        vouch(sign(EVIDENCE, BOB))


def test_a_statement_of_another_kind_than_asked_for_is_refused() -> None:
    with pytest.raises(TrustError, match=f"expected signed evidence, found {APPROVAL_TYPE}"):
        vouch(sign(APPROVAL, ALICE))


def test_a_statement_of_a_kind_that_nobody_may_sign_is_refused() -> None:
    unknown = Statement("urn:other:v1", (), {"system": "fraud-cards"})
    with pytest.raises(TrustError, match="expected signed approval, found urn:other:v1"):
        approve(sign(unknown, ALICE))


def test_a_check_outside_the_keys_scopes_is_refused() -> None:
    evidence = Statement(EVIDENCE_TYPE, EVIDENCE.subjects, {"check": "fairness.groups@1"})
    reason = r"may not sign evidence of fairness.groups, only of data.\*, privacy.membership"
    with pytest.raises(TrustError, match=reason):
        POLICY.verify(sign(evidence, ASSESSOR), Role.EVIDENCE, scope="fairness.groups", at=NOW)


def test_a_system_outside_the_keys_scopes_is_refused() -> None:
    approval = Statement(APPROVAL_TYPE, (), {"system": "aml"})
    with pytest.raises(TrustError, match=r"alice may not sign approval of aml, only of fraud-\*"):
        approve(sign(approval, ALICE), "aml")


def test_a_statement_about_something_else_is_refused() -> None:
    with pytest.raises(TrustError, match="approval about fraud-cards, not about fraud-loans"):
        approve(sign(APPROVAL, ALICE), "fraud-loans")


@pytest.mark.parametrize("predicate", [{}, {"system": 5}, {"system": None}])
def test_a_statement_that_does_not_say_what_it_is_about_is_refused(predicate: Any) -> None:
    with pytest.raises(InputError, match="names no system"):
        approve(sign(Statement(APPROVAL_TYPE, (), predicate), ALICE))


def test_scope_is_the_check_of_evidence_and_the_system_of_all_else() -> None:
    assert scope_of(EVIDENCE) == "data.schema"
    assert scope_of(APPROVAL) == "fraud-cards"


def test_each_role_but_the_ledgers_signs_one_kind_of_statement() -> None:
    assert sorted({*ROLE_OF.values(), Role.CHECKPOINT}) == sorted(Role)
    assert ROLE_OF[DECISION_TYPE] is Role.DECISION


MOMENT = timedelta(microseconds=1)


def test_a_signature_from_before_the_key_was_valid_is_refused() -> None:
    envelope = sign(EVIDENCE, ASSESSOR)
    assert vouch(envelope, at=NOW - YEAR)
    with pytest.raises(TrustError, match="not valid before 2025-11-22T12:00:00Z"):
        vouch(envelope, at=NOW - YEAR - MOMENT)


def test_a_signature_from_after_the_key_expired_is_refused() -> None:
    envelope = sign(EVIDENCE, ASSESSOR)
    assert vouch(envelope, at=NOW + YEAR - MOMENT)
    with pytest.raises(TrustError, match="expired at 2027-11-22T12:00:00Z"):
        vouch(envelope, at=NOW + YEAR)


def test_a_signature_from_before_the_revocation_stands_and_later_ones_do_not() -> None:
    envelope = sign(EVIDENCE, ASSESSOR)
    policy = POLICY.revoke("assessor", NOW)
    assert vouch(envelope, policy=policy, at=NOW - MOMENT)
    with pytest.raises(TrustError, match="revoked at 2026-11-22T12:00:00Z"):
        vouch(envelope, policy=policy, at=NOW)


def test_a_revocation_moves_earlier_and_never_later() -> None:
    policy = POLICY.revoke("bob", NOW)
    assert policy.revoke("bob", NOW + YEAR) == policy
    assert policy.revoke("bob", NOW - YEAR).keys[2].revoked_at == NOW - YEAR


def test_a_revocation_takes_all_keys_of_a_holder_and_nobody_elses() -> None:
    policy = POLICY.with_key(trusted("bob", generate(), Role.APPROVAL)).revoke("bob", NOW)
    assert [k.revoked_at for k in policy.keys] == [None, None, NOW, NOW]


def test_a_stranger_cannot_be_revoked() -> None:
    with pytest.raises(TrustError, match="no key of carol"):
        POLICY.revoke("carol", NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(InputError, match="names no time zone"):
        vouch(sign(EVIDENCE, ASSESSOR), at=naive)
    with pytest.raises(InputError, match="names no time zone"):
        POLICY.revoke("bob", naive)
    with pytest.raises(InputError, match="names no time zone"):
        POLICY.admitted(Role.APPROVAL, scope="x", at=naive)


def test_a_time_counts_the_same_in_every_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    policy = POLICY.revoke("assessor", there)
    with pytest.raises(TrustError, match="revoked at 2026-11-22T12:00:00Z"):
        vouch(sign(EVIDENCE, ASSESSOR), policy=policy)


def test_the_keys_admitted_at_a_time_are_those_that_count() -> None:
    assert [k.name for k in POLICY.admitted(Role.APPROVAL, scope="fraud-x", at=NOW)] == [
        "alice",
        "bob",
    ]
    assert [k.name for k in POLICY.admitted(Role.APPROVAL, scope="aml", at=NOW)] == ["bob"]
    assert POLICY.admitted(Role.CHECKPOINT, scope="aml", at=NOW) == ()
    assert POLICY.admitted(Role.APPROVAL, scope="aml", at=NOW + YEAR) == ()


@given(st.data())
def test_sign_change_one_byte_and_verification_fails(data: st.DataObject) -> None:
    good = sign(EVIDENCE, ASSESSOR).to_bytes()
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StrongroomError):
        vouch(Envelope.from_bytes(bytes(changed)))


def test_a_policy_is_read_back_as_it_was_written() -> None:
    policy = POLICY.revoke("bob", NOW + MOMENT)
    assert TrustPolicy.parse(policy.to_bytes()) == policy


def test_a_policy_may_be_laid_out_for_people() -> None:
    pretty = json.dumps(json.loads(POLICY.to_bytes()), indent=2).encode()
    assert TrustPolicy.parse(pretty) == POLICY
    assert TrustPolicy.parse(pretty).to_bytes() == POLICY.to_bytes()


def policy_with(**changes: object) -> bytes:
    raw = json.loads(POLICY.to_bytes())
    raw["keys"][0].update(changes)
    return json.dumps(raw).encode()


RSA = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "not a name"),
        ("name", "Alice", "not a name"),
        ("name", "../x", "not a name"),
        ("name", 5, "expected text, found int"),
        ("key", "not base64!", "base64"),
        ("key", "é", "base64"),
        ("key", RSA, "base64|not a public key"),
        pytest.param("key", base64.b64encode(BOB.public.der).decode(), "same key", id="bob's"),
        ("key", None, "expected text"),
        ("roles", [], "at least one"),
        ("roles", ["evidence", "evidence"], "each role once"),
        ("roles", ["root"], "no such role: 'root' .*evidence, decision"),
        ("roles", "evidence", "expected a list"),
        ("scopes", [], "not a scope"),
        ("scopes", [""], "not a scope"),
        ("scopes", ["[a-z]"], "not a scope"),
        ("scopes", ["*" * 129], "not a scope"),
        ("scopes", "*", "expected a list"),
        ("valid_from", "yesterday", "not an RFC 3339 time"),
        ("valid_from", "2026-01-01", "names no time zone"),
        ("valid_from", "2028-01-01T00:00:00Z", "valid_until is not after"),
        ("valid_from", 0, "expected text"),
        ("valid_until", "0001-01-01T00:00:00+23:00", "RFC 3339"),
        ("valid_until", None, "expected text"),
        ("revoked_at", False, "expected text"),
        ("revoked_at", "2026-01-01T00:00:00", "names no time zone"),
        ("admin", True, "unknown field 'admin'"),
    ],
)
def test_a_malformed_field_of_a_key_is_refused_with_its_place(
    field: str, value: object, reason: str
) -> None:
    with pytest.raises(InputError, match=f"trust.json: .*({reason})"):
        TrustPolicy.parse(policy_with(**{field: value}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[]", "expected an object"),
        (b"{}", "missing field 'keys'"),
        (b'{"version":2,"keys":[]}', "version 2, this reads 1"),
        (b'{"version":true,"keys":[]}', "version True"),
        (b'{"version":1.0,"keys":[]}', "version 1.0"),
        (b'{"version":1,"keys":{}}', "expected a list"),
        (b'{"version":1,"keys":[1]}', "expected an object"),
        (b'{"version":1,"version":1,"keys":[]}', "stands twice"),
        (b'{"version":1,"keys":[],"x":1}', "unknown field 'x'"),
        (b" " * 2_000_000, "bytes of JSON"),
    ],
)
def test_a_malformed_policy_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        TrustPolicy.parse(text)


def test_a_policy_has_a_limit_on_keys() -> None:
    many = tuple(trusted(f"k{i}", KeyPair(BOB.private), Role.APPROVAL) for i in range(1001))
    with pytest.raises(InputError, match="1001 keys, 1000 allowed"):
        TrustPolicy(many)


@pytest.mark.parametrize("field", sorted(json.loads(POLICY.to_bytes())["keys"][0]))
def test_no_field_of_a_key_can_be_left_out(field: str) -> None:
    raw = json.loads(POLICY.to_bytes())
    del raw["keys"][0][field]
    with pytest.raises(InputError, match=f"missing field '{field}'"):
        TrustPolicy.parse(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"key": base64.b64encode(generate().public.der).decode()},
        {"roles": ["approval"]},
        {"scopes": ["privacy.*"]},
        {"valid_from": "2026-11-22T12:00:01Z"},
        {"valid_until": "2026-11-22T12:00:00Z"},
        {"revoked_at": "2026-11-22T12:00:00Z"},
    ],
)
def test_each_field_of_a_key_decides(changes: dict[str, object]) -> None:
    """Narrowing any of them makes the signature that counted before not count."""
    envelope = sign(EVIDENCE, ASSESSOR)
    assert vouch(envelope, policy=TrustPolicy.parse(policy_with()))
    with pytest.raises(TrustError):
        vouch(envelope, policy=TrustPolicy.parse(policy_with(**changes)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(sorted(json.loads(POLICY.to_bytes())["keys"][0]))


@given(st.binary() | st.builds(lambda f, v: policy_with(**{f: v}), FIELDS, JSON))
def test_reading_any_bytes_raises_nothing_but_input_error(data: bytes) -> None:
    try:
        policy = TrustPolicy.parse(data)
    except InputError:
        return
    assert TrustPolicy.parse(policy.to_bytes()) == policy


@given(st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode()))
def test_judging_any_signed_bytes_raises_nothing_but_our_errors(payload: bytes) -> None:
    value = ASSESSOR.sign(pae(PAYLOAD_TYPE, payload))
    envelope = Envelope(PAYLOAD_TYPE, payload, (Signature(ASSESSOR.public.key_id, value),))
    with pytest.raises(StrongroomError):
        vouch(envelope)


def test_half_a_surrogate_pair_in_a_statement_is_refused() -> None:
    payload = EVIDENCE.payload().replace(b'"system"', b'"\\ud800"')
    signature = Signature(ASSESSOR.public.key_id, ASSESSOR.sign(pae(PAYLOAD_TYPE, payload)))
    with pytest.raises(InputError, match="canonical"):
        vouch(Envelope(PAYLOAD_TYPE, payload, (signature,)))


def test_a_public_key_is_hashable_and_comparable() -> None:
    assert {PublicKey.from_der(BOB.public.der)} == {BOB.public}
