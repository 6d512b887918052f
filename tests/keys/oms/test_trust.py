"""Whose signature on a model counts, and each reason why one does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from strongroom.domain.errors import InputError, KeyAccessError, TrustError
from strongroom.domain.statement import PAYLOAD_TYPE
from strongroom.keys.dsse import pae
from strongroom.keys.files import save_key
from strongroom.keys.keypair import generate
from strongroom.keys.oms_bundle import Bundle
from strongroom.keys.oms_keys import SoftwareSigner, load_model_signer, parse_model_key
from strongroom.keys.oms_models import sign_manifest, survey_model, verify_model
from strongroom.keys.oms_trust import TrustAuthorities, TrustHolders, TrustKeys
from strongroom.keys.trust import Role, TrustedKey, TrustPolicy
from strongroom.testing.certificates import (
    CODE_SIGNING,
    SERVER,
    Issued,
    Wish,
    private_pem,
    public_pem,
    root,
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    model = tmp_path / "fraud-bert"
    model.mkdir()
    (model / "weights").write_bytes(b"w")
    return model


def certified(model: Path, *chain: Issued) -> Path:
    """Signed as if the first certificate were good, whatever it says."""
    signature = model.parent / "model.sig"
    payload = survey_model(model, signature).to_statement().payload()
    signed = SoftwareSigner(chain[0].key).sign(pae(PAYLOAD_TYPE, payload))
    ders = tuple(issued.certificate.public_bytes(Encoding.DER) for issued in chain)
    signature.write_bytes(Bundle(payload, signed, None, ders).to_bytes())
    return signature


def judged(model: Path, authority: Issued, at: datetime, *chain: Issued) -> str:
    trust = TrustAuthorities((authority.certificate,))
    return verify_model(model, certified(model, *chain), trust, at).signer


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(), None),
        (Wish(usage=None), None),
        (Wish(purposes=()), None),
        (Wish(purposes=(SERVER, CODE_SIGNING)), None),
        (Wish(usage="key_encipherment"), "not for signatures"),
        (Wish(purposes=(SERVER,)), "not for signing code"),
        (Wish(usage=None, purposes=()), "does not say that it may sign"),
        (Wish(lasts=timedelta(hours=1)), "expired at"),
        (Wish(start=datetime.now(UTC) + timedelta(days=1)), r"not valid before .*clock"),
    ],
    ids=["good", "eku-only", "ku-only", "both-uses", "ku", "eku", "silent", "expired", "early"],
)
def test_a_certificate_counts_if_it_may_sign_now(small, authority, now, wish, reason):
    leaf = authority.issue("vendor", wish)
    if reason is None:
        assert judged(small, authority, now, leaf) == "the certificate of CN=vendor"
    else:
        with pytest.raises(TrustError, match=reason):
            judged(small, authority, now, leaf)


def test_an_authority_that_is_not_trusted_does_not_count(small, authority, now):
    for stranger in (root("Other Root"), root("Test Root")):  # the second one lies about its name
        with pytest.raises(TrustError, match="does not lead to an authority"):
            judged(small, authority, now, stranger.issue("vendor"), stranger)


def test_a_certificate_that_lost_its_issuer_does_not_count(small, authority, now):
    below = authority.authority("Intermediate")
    leaf = below.issue("vendor")
    assert judged(small, authority, now, leaf, below) == "the certificate of CN=vendor"
    with pytest.raises(TrustError, match="does not lead to an authority"):
        judged(small, authority, now, leaf)


def test_who_is_no_authority_cannot_certify(small, authority, now):
    leaf = authority.issue("vendor")
    with pytest.raises(TrustError, match="does not lead to an authority"):
        judged(small, authority, now, leaf.issue("mallory"), leaf)


def test_an_authority_for_servers_cannot_certify_signers(small, authority, now):
    below = authority.authority("Servers", Wish("key_cert_sign", (SERVER,)))
    with pytest.raises(TrustError, match="may not certify those who sign code"):
        judged(small, authority, now, below.issue("vendor"), below)


def test_an_expired_authority_is_named(small, now):
    old = root("Old Root", Wish("key_cert_sign", (), lasts=timedelta(hours=1)))
    with pytest.raises(TrustError, match="CN=Old Root expired"):
        judged(small, old, now, old.issue("vendor"))


def test_a_certificate_of_another_key_does_not_vouch(small, authority, now):
    leaf = authority.issue("vendor")
    stranger = generate_private_key(SECP256R1())
    manifest = survey_model(small, small / "model.sig")
    with pytest.raises(InputError, match="of another key"):
        sign_manifest(manifest, SoftwareSigner(stranger), now, certificates=(leaf.certificate,))
    late = now + timedelta(days=60)
    with pytest.raises(TrustError, match="expired"):
        sign_manifest(manifest, SoftwareSigner(leaf.key), late, certificates=(leaf.certificate,))


def test_a_bare_key_and_a_certificate_are_not_mistaken_for_each_other(small, authority, now):
    leaf = authority.issue("vendor")
    with pytest.raises(TrustError, match="under a certificate"):
        verify_model(small, certified(small, leaf), TrustKeys((leaf.key.public_key(),)), now)
    signature = small / "model.sig"
    manifest = survey_model(small, signature)
    signature.write_bytes(sign_manifest(manifest, SoftwareSigner(leaf.key), now))
    with pytest.raises(TrustError, match="bare key"):
        verify_model(small, signature, TrustAuthorities((authority.certificate,)), now)


def test_the_trust_policy_says_who_may_sign_which_models_and_until_when(small, now):
    vendor, later = generate("ecdsa-p256"), now + timedelta(days=1)

    def policy(role=Role.MODEL, scope="fraud-*", end=later) -> TrustPolicy:
        start = now - timedelta(days=9)
        return TrustPolicy((TrustedKey("vendor", vendor.public, (role,), (scope,), start, end),))

    signature = small / "model.sig"
    manifest = survey_model(small, signature)
    signature.write_bytes(sign_manifest(manifest, SoftwareSigner(vendor.private), now))

    def judge(given: TrustPolicy) -> str:
        return verify_model(small, signature, TrustHolders(given), now).signer

    assert judge(policy()) == "vendor, by the trust policy"
    refusals = {
        "revoked at": policy().revoke("vendor", now),
        "expired at": policy(end=now),
        "only of aml-": policy(scope="aml-*"),
        "may not sign model": policy(role=Role.EVIDENCE),
    }
    for reason, given in refusals.items():
        with pytest.raises(TrustError, match=reason):
            judge(given)
    with pytest.raises(InputError, match="no key to trust"):
        judge(TrustPolicy(()))


def test_keys_of_ours_and_of_others_sign(tmp_path):
    pair, theirs = generate("ecdsa-p256"), generate_private_key(SECP256R1())
    save_key(pair, tmp_path / "ours.pem", b"secret", guessable=False)
    assert load_model_signer(tmp_path / "ours.pem", b"secret").public == pair.private.public_key()
    encrypted = BestAvailableEncryption(b"secret")
    for name, kind in (("sec1", PrivateFormat.TraditionalOpenSSL), ("p8", PrivateFormat.PKCS8)):
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_bytes(theirs.private_bytes(Encoding.PEM, kind, encrypted))
        assert load_model_signer(path, b"secret").public == theirs.public_key()


def test_keys_that_cannot_sign_models_say_why(tmp_path):
    def key(data: bytes) -> Path:
        path = tmp_path / "key.pem"
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path

    clear = private_pem(generate_private_key(SECP256R1()))
    with pytest.raises(KeyAccessError, match=r"not encrypted.*unset"):
        load_model_signer(key(clear), b"secret")
    with pytest.raises(KeyAccessError, match="not a private key"):
        load_model_signer(key(b"nothing"), None)
    with pytest.raises(InputError, match="secp256k1"):
        load_model_signer(key(private_pem(generate_private_key(SECP256K1()))), None)
    edwards = generate("ed25519")
    (tmp_path / "e.pem").unlink(missing_ok=True)
    save_key(edwards, tmp_path / "e.pem", b"s", guessable=False)
    with pytest.raises(InputError, match="ECDSA keys only"):
        load_model_signer(tmp_path / "e.pem", b"s")
    with pytest.raises(KeyAccessError, match=r"encrypted.*STRONGROOM_KEY_PASSPHRASE"):
        load_model_signer(tmp_path / "e.pem", None)
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(KeyAccessError, match="chmod 600"):
        load_model_signer(tmp_path / "key.pem", None)


def test_public_keys_that_verify_no_models_say_why():
    assert parse_model_key(public_pem(generate_private_key(SECP256R1())), where="k")
    for pem in (b"", b"x" * 5000, generate("ed25519").public.pem().encode()):
        with pytest.raises(InputError, match="k"):
            parse_model_key(pem, where="k")
