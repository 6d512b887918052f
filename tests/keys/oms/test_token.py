"""A key that never leaves its token signs models: PKCS#11, shown on SoftHSM."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.oms_models import sign_manifest, survey_model, verify_model
from strongroom.keys.oms_trust import TrustKeys

pkcs11 = pytest.importorskip("pkcs11", reason="needs the pkcs11 extra")

from pkcs11.util.ec import encode_named_curve_parameters  # noqa: E402

from strongroom.keys.oms_token import TokenKey, TokenSigner  # noqa: E402

PIN = "294716"


@pytest.fixture(scope="module")
def token(softhsm: Path) -> str:
    """A token with keys on three curves, and an RSA key under the label `rsa`."""
    library = pkcs11.lib(str(softhsm))
    with library.get_token(token_label="models").open(user_pin=PIN, rw=True) as session:
        for number, curve in enumerate(("secp256r1", "secp384r1", "secp521r1"), start=1):
            parameters = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
            domain = session.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True)
            domain.generate_keypair(store=True, label=curve, id=bytes([number]))
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="rsa")
    return f"?module-path={softhsm}"


@pytest.mark.parametrize("which", ["object=secp256r1", "object=secp384r1", "id=%03"])
def test_what_a_token_signs_verifies_for_us_and_for_them(token, model, now: datetime, which):
    signer = TokenSigner.open(f"pkcs11:token=models;{which}{token}", PIN)
    signature = model / "model.sig"
    signature.write_bytes(sign_manifest(survey_model(model, signature), signer, now))
    assert verify_model(model, signature, TrustKeys((signer.public,)), now).problems == ()

    verifying = pytest.importorskip("model_signing.verifying", reason="needs `make peers`")
    pem = model.parent / "public.pem"
    pem.write_bytes(signer.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    verifying.Config().use_elliptic_key_verifier(public_key=pem).verify(model, signature)


def test_the_pin_may_lie_in_a_file_that_only_its_owner_reads(token, tmp_path):
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text(f"{PIN}\n")
    uri = f"pkcs11:token=models;object=secp256r1{token}&pin-source=file:{pin}"
    assert TokenSigner.open(uri, None).public.key_size == 256
    pin.chmod(0o644)
    with pytest.raises(KeyAccessError, match="chmod 600"):
        TokenSigner.open(uri, None)


@pytest.mark.parametrize(
    ("path", "pin", "reason"),
    [
        ("token=models;object=secp256r1", "000000", "wrong PIN"),
        ("token=models;object=secp256r1", None, "no PIN"),
        ("token=other;object=secp256r1", PIN, "no such token"),
        ("token=models;object=absent", PIN, "no such public_key"),
        ("token=models;object=rsa", PIN, "no such public_key|ECDSA keys only"),
    ],
    ids=["pin", "no-pin", "token", "key", "rsa"],
)
def test_what_is_not_there_is_said_without_the_pin(token, path, pin, reason):
    with pytest.raises((KeyAccessError, InputError), match=reason) as caught:
        TokenSigner.open(f"pkcs11:{path}{token}", pin)
    assert PIN not in repr(caught.value)
    assert PIN not in str(caught.value)


def test_a_library_that_is_not_there_is_said(token):
    with pytest.raises(KeyAccessError, match="cannot be used"):
        TokenSigner.open("pkcs11:token=models;object=a?module-path=/nowhere.so", PIN)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a?module-path=/x",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object?module-path=/x",
        "file:token=a;object=b?module-path=/x",
    ],
)
def test_a_uri_that_names_too_little_is_refused_with_an_example(uri):
    with pytest.raises(InputError, match=r"pkcs11:token=models;object=signer"):
        TokenKey.parse(uri)


def test_a_pin_in_a_uri_is_refused():
    with pytest.raises(InputError, match="for all to read"):
        TokenKey.parse("pkcs11:token=a;object=b?module-path=/x&pin-value=1234")
