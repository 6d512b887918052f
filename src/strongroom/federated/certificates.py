"""Certificates of a federation's own authority: one for each party, by name, for mutual TLS 1.3.

The authority says which name a key has on the wire. What a bank's signature counts for is said by
the plan, which names each bank's key: an authority that is in league with the coordinator cannot
make up banks.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509 import (
    BasicConstraints,
    CertificateBuilder,
    DNSName,
    ExtendedKeyUsage,
    ExtensionNotFound,
    KeyUsage,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    load_der_x509_certificate,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.domain.errors import InputError, KeyAccessError, TrustError
from strongroom.federated.messages import check_name
from strongroom.keys.keypair import KeyPair, PublicKey

AUTHORITY_NAME: Final = "strongroom federation authority"
_DER: Final = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_SKEW: Final = timedelta(minutes=5)
_USES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def authority_certificate(authority: KeyPair, now: datetime, lasts: timedelta) -> bytes:
    """The authority's own certificate, in PEM."""
    builder = _builder(AUTHORITY_NAME, authority.public, now, lasts)
    builder = builder.add_extension(BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage("key_cert_sign"), critical=True)
    return _signed(builder, authority)


def certificate_of(
    authority: KeyPair, name: str, key: PublicKey, now: datetime, lasts: timedelta
) -> bytes:
    """A party's certificate, in PEM. Raises InputError for a name that is none."""
    builder = _builder(check_name(name), key, now, lasts)
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = builder.add_extension(BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage("digital_signature"), critical=True)
    builder = builder.add_extension(ExtendedKeyUsage(purposes), critical=False)
    builder = builder.add_extension(SubjectAlternativeName([DNSName(name)]), critical=False)
    return _signed(builder, authority)


def holder(der: bytes) -> tuple[str, PublicKey]:
    """Name and key in a certificate that TLS has verified. Raises TrustError."""
    try:
        certificate = load_der_x509_certificate(der)
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        (name,) = names.get_values_for_type(DNSName)
        key = PublicKey.from_der(certificate.public_key().public_bytes(*_DER))
    except (ValueError, ExtensionNotFound, UnsupportedAlgorithm, InputError) as error:
        raise TrustError("a certificate that is not of this federation") from error
    return name, key


def tls(folder: Path, secret: bytes, *, server: bool) -> ssl.SSLContext:
    """TLS 1.3, where both sides show a certificate of the authority in the party's folder.

    Raises KeyAccessError when key or certificates cannot be read.
    """
    protocol = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = not server  # the server compares the name with the plan itself
    try:
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem", password=secret)
        context.load_verify_locations(cafile=folder / "authority.pem")
    except OSError as error:  # ssl.SSLError is one
        raise KeyAccessError(
            f"key or certificates cannot be used: {error.strerror or error}",
            where=str(folder),
            fix="strongroom federate enrol makes key.pem, strongroom federate admit the others",
        ) from error
    return context


def _builder(name: str, key: PublicKey, now: datetime, lasts: timedelta) -> CertificateBuilder:
    public = load_der_public_key(key.der)
    if not isinstance(public, Ed25519PublicKey):
        raise InputError("a federation's keys are Ed25519", fix="strongroom federate enrol")
    return (
        CertificateBuilder()
        .subject_name(Name([NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(Name([NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME)]))
        .public_key(public)
        .serial_number(random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lasts)
    )


def _signed(builder: CertificateBuilder, authority: KeyPair) -> bytes:
    return builder.sign(authority.private, None).public_bytes(Encoding.PEM)


def _usage(use: str) -> KeyUsage:
    return KeyUsage(**{**dict.fromkeys(_USES, False), use: True})
