"""A certificate authority for tests: it issues what it is told to, also what no real one would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    KeyUsage,
    Name,
    NameAttribute,
    ObjectIdentifier,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CODE_SIGNING: Final = ExtendedKeyUsageOID.CODE_SIGNING
SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
_NOWHERE: Final = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a certificate shall say."""

    usage: str | None = "digital_signature"
    """The one key usage that it has; None for no such extension."""
    purposes: tuple[ObjectIdentifier, ...] = (CODE_SIGNING,)
    """Extended key usages; none for no such extension."""
    authority: bool = False
    start: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=1))
    lasts: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and the private key that goes with it."""

    certificate: Certificate
    key: EllipticCurvePrivateKey = field(repr=False)

    def issue(self, name: str, wish: Wish | None = None) -> Issued:
        """Certify a new key of that name."""
        return _issue(name, wish or Wish(), self)

    def authority(self, name: str, wish: Wish | None = None) -> Issued:
        """Certify an authority below this one."""
        wished = wish or Wish(usage="key_cert_sign", purposes=())
        return _issue(name, replace(wished, authority=True), self)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, in clear."""
        return private_pem(self.key)


def root(name: str = "Test Root", wish: Wish | None = None) -> Issued:
    """An authority that certified itself."""
    wished = wish or Wish(usage="key_cert_sign", purposes=())
    return _issue(name, replace(wished, authority=True), None)


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 in clear: test keys only."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: EllipticCurvePrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem_of(chain: Sequence[Issued]) -> bytes:
    """Several certificates in one file."""
    return b"".join(issued.pem for issued in chain)


def _issue(name: str, wish: Wish, issuer: Issued | None) -> Issued:
    key = generate_private_key(SECP256R1())
    subject = Name([NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(wish.start)
        .not_valid_after(wish.start + wish.lasts)
        .add_extension(BasicConstraints(ca=wish.authority, path_length=None), critical=True)
    )
    if wish.usage is not None:
        builder = builder.add_extension(KeyUsage(**{**_NOWHERE, wish.usage: True}), critical=True)
    if wish.purposes:
        builder = builder.add_extension(ExtendedKeyUsage(wish.purposes), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, SHA256()), key)
