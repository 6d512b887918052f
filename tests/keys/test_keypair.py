"""Key pairs: the published vectors, and that nothing but a good signature verifies."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, LimitError
from strongroom.keys.keypair import KeyPair, PublicKey, generate

PAIRS = {name: generate(name) for name in ("ed25519", "ecdsa-p256")}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> KeyPair:
    return PAIRS[request.param]


def test_ed25519_gives_the_signature_of_rfc_8032() -> None:
    """Section 7.1, test 3."""
    seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
    pair = KeyPair(ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))
    assert pair.public.raw.hex() == (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    )
    assert pair.sign(bytes.fromhex("af82")).hex() == (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )


def test_ecdsa_gives_the_signature_of_rfc_6979() -> None:
    """Appendix A.2.5, P-256 with SHA-256 over "sample": the nonce is no accident of the moment."""
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    pair = KeyPair(ec.derive_private_key(secret, ec.SECP256R1()))
    assert utils.decode_dss_signature(pair.sign(b"sample")) == (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )


def test_a_key_verifies_what_it_signed_and_only_that(pair: KeyPair) -> None:
    signature = pair.sign(b"message")
    assert pair.public.verify(b"message", signature)
    assert not pair.public.verify(b"messagf", signature)
    assert not generate(pair.public.algorithm).public.verify(b"message", signature)


def test_a_signature_of_the_other_algorithm_does_not_verify() -> None:
    first, second = PAIRS.values()
    assert not first.public.verify(b"m", second.sign(b"m"))
    assert not second.public.verify(b"m", first.sign(b"m"))


@pytest.mark.parametrize("name", PAIRS)
@given(st.data())
def test_one_changed_byte_in_message_or_signature_fails(name: str, data: st.DataObject) -> None:
    pair = PAIRS[name]
    message = data.draw(st.binary(min_size=1, max_size=200))
    signature = pair.sign(message)
    joined = bytearray(message + signature)
    joined[data.draw(st.integers(0, len(joined) - 1))] ^= data.draw(st.integers(1, 255))
    changed = bytes(joined)
    assert not pair.public.verify(changed[: len(message)], changed[len(message) :])


@pytest.mark.parametrize("name", PAIRS)
@given(st.binary(max_size=200))
def test_no_bytes_make_verification_raise(name: str, signature: bytes) -> None:
    assert not PAIRS[name].public.verify(b"message", signature)


def test_a_public_key_is_read_back_from_pem_and_der(pair: KeyPair) -> None:
    assert PublicKey.parse_pem(pair.public.pem()) == pair.public
    assert PublicKey.from_der(pair.public.der) == pair.public


def test_the_key_id_is_the_digest_of_the_der(pair: KeyPair) -> None:
    assert len(pair.public.key_id) == 64
    assert pair.public.key_id != generate().public.key_id


def test_only_ed25519_has_a_raw_form() -> None:
    assert len(PAIRS["ed25519"].public.raw) == 32
    with pytest.raises(InputError, match="no raw form"):
        _ = PAIRS["ecdsa-p256"].public.raw


def test_a_pair_does_not_print_its_private_key(pair: KeyPair) -> None:
    assert "private" not in repr(pair).lower()


def test_other_algorithms_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="no such key algorithm: rsa"):
        generate("rsa")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa", "p384"],
)
def test_public_keys_of_other_algorithms_are_refused(other: rsa.RSAPrivateKey) -> None:
    public = other.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InputError, match=r"alice\.pub: a key of another algorithm"):
        PublicKey.parse_pem(pem, where="alice.pub")


def test_a_key_under_the_wrong_algorithm_name_is_refused() -> None:
    with pytest.raises(InputError, match="not an ecdsa-p256 public key"):
        PublicKey("ecdsa-p256", PAIRS["ed25519"].public.der)


def test_a_second_encoding_of_the_same_key_is_refused() -> None:
    """Else one person's key could be listed under two key ids, and be four eyes."""
    point = (
        PAIRS["ecdsa-p256"]
        .private.public_key()
        .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    with pytest.raises(InputError):
        PublicKey.from_der(compressed)


P = 2**255 - 19
Y8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, Y8, P - Y8])
def test_a_key_of_small_order_is_refused(y: int, sign: int) -> None:
    """The library takes it, and then takes forgeries that need no private key."""
    raw = (y | sign << 255).to_bytes(32, "little")
    weak = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    if y in (1, P + 1):
        weak.verify((1).to_bytes(32, "little") + bytes(32), b"anything at all")
    with pytest.raises(InputError, match="under which anybody can sign"):
        PublicKey.of(weak)


def test_oversized_input_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(LimitError):
        PublicKey.parse_pem(b"x" * 5000)
    with pytest.raises(LimitError):
        PublicKey.from_der(b"x" * 5000)


@given(st.binary(max_size=300))
def test_parsing_any_bytes_raises_nothing_but_input_error(data: bytes) -> None:
    for parse in (PublicKey.parse_pem, PublicKey.from_der):
        with pytest.raises(InputError):
            parse(data)
