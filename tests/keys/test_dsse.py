"""Envelopes: the published encoding, other people's tools, and nothing but our own errors."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from strongroom.domain.canonical import canonical
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.statement import PAYLOAD_TYPE, Statement, Subject
from strongroom.keys import dsse
from strongroom.keys.dsse import Envelope, Signature, pae, sign
from strongroom.keys.keypair import PublicKey, generate

PAIRS = {name: generate(name) for name in ("ed25519", "ecdsa-p256")}
SCHEMES = {"ed25519": ("ed25519", "ed25519"), "ecdsa-p256": ("ecdsa", "ecdsa-sha2-nistp256")}
STATEMENT = Statement("urn:test:v1", (Subject("model", sha256(b"m")),), {"system": "fraud"})


def plain(envelope: Envelope) -> dict[str, object]:
    return json.loads(envelope.to_bytes())


def test_the_encoding_is_the_one_of_the_specification() -> None:
    """DSSE protocol.md, test vectors."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_is_read_back_as_it_was_written() -> None:
    envelope = sign(STATEMENT, *PAIRS.values())
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    assert Statement.parse(envelope.payload) == STATEMENT
    assert [s.key_id for s in envelope.signatures] == [p.public.key_id for p in PAIRS.values()]


def test_an_envelope_needs_a_signer() -> None:
    with pytest.raises(InputError, match="1 to 16 signatures"):
        sign(STATEMENT)


def test_an_envelope_is_signed_once_by_a_key() -> None:
    with pytest.raises(InputError, match="the same key signed twice"):
        sign(STATEMENT, PAIRS["ed25519"], PAIRS["ed25519"])


@pytest.mark.parametrize("name", PAIRS)
def test_securesystemslib_verifies_what_we_sign(name: str) -> None:
    pair = PAIRS[name]
    theirs = TheirEnvelope.from_dict(plain(sign(STATEMENT, pair)))
    theirs.verify([their_key(pair.public)], 1)
    theirs.payload += b" "
    with pytest.raises(VerificationError):
        theirs.verify([their_key(pair.public)], 1)


@pytest.mark.parametrize("name", PAIRS)
def test_we_verify_what_securesystemslib_signs(name: str) -> None:
    pair = PAIRS[name]
    theirs = TheirEnvelope(STATEMENT.payload(), PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(pair.private, their_key(pair.public)))
    ours = Envelope.from_bytes(json.dumps(theirs.to_dict(), indent=1).encode())
    (signature,) = ours.signatures
    assert signature.key_id == pair.public.key_id
    assert pair.public.verify(pae(ours.payload_type, ours.payload), signature.value)


def test_both_alphabets_of_base64_are_read() -> None:
    """DSSE protocol.md: standard or URL-safe."""
    envelope = Envelope("t", b"\xfb\xff\xfe", (Signature("k", b"\xff" * 3),))
    raw = plain(envelope)
    assert raw["payload"] == "+//+"
    raw["payload"] = "-__-"
    assert Envelope.from_bytes(canonical(raw)) == envelope


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("payload", "a===", "not base64"),
        ("payload", "YQ", "not base64"),
        ("payload", "YR==", "stray bits"),
        ("payload", " YQ==", "not base64"),
        ("payload", "é", "expected base64"),
        ("payload", 5, "expected base64"),
        ("payload", None, "expected base64"),
        ("payloadType", "", "payload type"),
        ("payloadType", "a b", "payload type"),
        ("payloadType", "\ud800", "payload type"),
        ("payloadType", ["x"], "payload type"),
        ("payloadType", "x" * 257, "payload type"),
        ("signatures", [], "1 to 16 signatures"),
        ("signatures", {}, "not a list"),
        ("signatures", [5], "exactly keyid, sig"),
        ("signatures", [{"sig": "YQ=="}], "exactly keyid, sig"),
        ("signatures", [{"keyid": "", "sig": "YQ=="}], "names its key"),
        ("signatures", [{"keyid": "k", "sig": ""}], "1 to 1024 bytes"),
        ("signatures", [{"keyid": "k", "sig": "YWFh" * 400}], "1 to 1024 bytes"),
        ("signatures", [{"keyid": f"k{i}", "sig": "YQ=="} for i in range(17)], "1 to 16"),
        ("signatures", [{"keyid": "k", "sig": "YQ=="}] * 2, "signed twice"),
        ("extra", 1, "exactly payload"),
    ],
)
def test_a_malformed_field_is_refused_with_its_place(
    field: str, value: object, reason: str
) -> None:
    raw = {**plain(sign(STATEMENT, PAIRS["ed25519"])), field: value}
    with pytest.raises(InputError, match=f"a.json: .*{reason}"):
        Envelope.from_bytes(json.dumps(raw).encode(), where="a.json")


@pytest.mark.parametrize("field", ["payload", "payloadType", "signatures"])
def test_a_missing_field_is_refused(field: str) -> None:
    raw = plain(sign(STATEMENT, PAIRS["ed25519"]))
    del raw[field]
    with pytest.raises(InputError, match="exactly payload, payloadType, signatures"):
        Envelope.from_bytes(canonical(raw))


def test_an_oversized_payload_is_refused_both_ways() -> None:
    with pytest.raises(LimitError):
        Envelope("t", bytes(dsse.MAX_PAYLOAD + 1), (Signature("k", b"s"),))
    with pytest.raises(LimitError):
        Envelope.from_bytes(b" " * (dsse.MAX_ENVELOPE + 1))


def test_the_largest_payload_passes_both_ways() -> None:
    envelope = Envelope("t", bytes(dsse.MAX_PAYLOAD), (Signature("k", b"s"),))
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NEARLY = st.fixed_dictionaries(
    {
        "payload": st.just("YQ==") | JSON,
        "payloadType": st.just("t") | JSON,
        "signatures": st.lists(
            st.fixed_dictionaries({"keyid": st.text() | JSON, "sig": st.just("YQ==") | JSON})
        )
        | JSON,
    }
)


@given(st.binary() | NEARLY.map(lambda v: json.dumps(v).encode()))
def test_reading_any_bytes_raises_nothing_but_input_error(data: bytes) -> None:
    try:
        envelope = Envelope.from_bytes(data)
    except InputError:
        return
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope


@given(st.binary(max_size=100), st.binary(min_size=1, max_size=100))
def test_reading_gives_back_what_was_written(payload: bytes, signature: bytes) -> None:
    envelope = Envelope("t", payload, (Signature("k", signature),))
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    assert base64.b64decode(str(plain(envelope)["payload"])) == payload


def their_key(public: PublicKey) -> SSlibKey:
    kind, scheme = SCHEMES[public.algorithm]
    value = public.pem() if kind == "ecdsa" else public.raw.hex()
    return SSlibKey(public.key_id, kind, scheme, {"public": value})
