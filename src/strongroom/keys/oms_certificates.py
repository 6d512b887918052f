"""Certificate chains of OMS signatures: X.509 (RFC 5280) from the signer up to an authority.

The path is built and judged by the `cryptography` package. Before that, each thing that goes wrong
in practice (expired, not yet valid, not for signing) is looked for, to be its own clear error.
There is no revocation list here: an authority's certificates count until they expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    Extensions,
    KeyUsage,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from strongroom.domain.canonical import format_time
from strongroom.domain.errors import InputError, LimitError, TrustError
from strongroom.keys.oms_keys import accepted

MAX_FILE: Final = 1024 * 1024
MAX_DEPTH: Final = 4
"""Intermediate authorities between signer and root."""
_SIGNING: Final = frozenset(
    {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)

_ISSUE: Final = "issue one with key usage digitalSignature and extended key usage codeSigning"
_CHAIN: Final = "trust the authority that issued it, or have the model signed under yours"


def parse_certificates(ders: Iterable[bytes], *, where: str) -> tuple[Certificate, ...]:
    """From a bundle. Raises InputError."""
    try:
        return tuple(load_der_x509_certificate(der) for der in ders)
    except ValueError as error:
        raise InputError(f"not a certificate: {error}", where=where) from error


def load_certificates(path: Path) -> tuple[Certificate, ...]:
    """All certificates of a PEM file. Raises InputError."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise LimitError(f"more than {MAX_FILE} bytes of certificates", where=str(path))
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        fix = "it starts with -----BEGIN CERTIFICATE-----"
        raise InputError("no certificates in PEM", where=str(path), fix=fix) from error


def check_signer(leaf: Certificate, at: datetime, *, where: str) -> EllipticCurvePublicKey:
    """The key of a certificate that may sign models at that time. Raises TrustError if not.

    Its key usage, if it says one, includes digital signatures; its extended key usage, if it says
    one, includes code signing; it says at least one of both.
    """
    if (objection := _untimely(leaf, at)) is not None:
        raise TrustError(objection, where=where)
    extensions = _extensions(leaf, where)
    usage, purposes = _key_usage(extensions), _purposes(extensions)
    if usage is None and purposes is None:
        raise TrustError(f"{named(leaf)} does not say that it may sign", where=where, fix=_ISSUE)
    if usage is not None and not usage.digital_signature:
        raise TrustError(
            f"{named(leaf)} is not for signatures (key usage)", where=where, fix=_ISSUE
        )
    if purposes is not None and _SIGNING.isdisjoint(purposes):
        raise TrustError(
            f"{named(leaf)} is not for signing code (extended key usage)", where=where, fix=_ISSUE
        )
    try:
        return accepted(leaf.public_key())
    except InputError as error:
        raise InputError(f"{named(leaf)}: {error.what}", where=where, fix=error.fix) from error


def check_chain(
    chain: Sequence[Certificate], roots: Sequence[Certificate], at: datetime, *, where: str
) -> None:
    """That the first certificate leads to one of the roots, all valid then. Raises TrustError."""
    if not roots:
        raise InputError("no certificate authority to trust", fix="name one with --ca FILE")
    builder = PolicyBuilder().store(Store(list(roots))).time(at).max_chain_depth(MAX_DEPTH)
    builder = builder.extension_policies(
        ca_policy=_authority_policy(), ee_policy=ExtensionPolicy.permit_all()
    )
    try:
        builder.build_client_verifier().verify(chain[0], list(chain[1:]))
    except VerificationError as error:
        raise TrustError(_explain(chain, roots, at, error), where=where, fix=_CHAIN) from error


def named(certificate: Certificate) -> str:
    """Whose it is, for people: the subject as RFC 4514 writes it."""
    return f"the certificate of {certificate.subject.rfc4514_string()[:200]}"


def _explain(
    chain: Sequence[Certificate],
    roots: Sequence[Certificate],
    at: datetime,
    error: VerificationError,
) -> str:
    """Times first: they are what goes wrong, and the library says no more than that it did."""
    issuers = {c.issuer for c in chain}
    for certificate in (*chain, *(root for root in roots if root.subject in issuers)):
        if (objection := _untimely(certificate, at)) is not None:
            return objection
    reason = str(error).splitlines()[0][:200]
    return f"{named(chain[0])} does not lead to an authority that you trust: {reason}"


def _untimely(certificate: Certificate, at: datetime) -> str | None:
    """Why that time is outside its validity, as RFC 5280 has it: both ends are inside."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < first:
        said = f"is not valid before {format_time(first)}, and it is {format_time(at)}"
        return f"{named(certificate)} {said}: is the clock right?"
    if at > last:
        return f"{named(certificate)} expired at {format_time(last)}"
    return None


def _key_usage(extensions: Extensions) -> KeyUsage | None:
    try:
        return extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return None


def _purposes(extensions: Extensions) -> ExtendedKeyUsage | None:
    try:
        return extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return None


def _extensions(certificate: Certificate, where: str) -> Extensions:
    try:
        return certificate.extensions
    except (ValueError, DuplicateExtension) as error:
        raise InputError(
            f"{named(certificate)} is malformed: {error}"[:300], where=where
        ) from error


def _authority_policy() -> ExtensionPolicy:
    """What an authority's certificate must say; the library looks at the path itself."""
    return (
        ExtensionPolicy.permit_all()
        .require_present(BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(KeyUsage, Criticality.AGNOSTIC, _may_certify)
        .may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, _may_certify_signers)
    )


def _may_certify(_: Policy, certificate: Certificate, usage: KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError(f"{named(certificate)} may not certify others")


def _may_certify_signers(
    _: Policy, certificate: Certificate, purposes: ExtendedKeyUsage | None
) -> None:
    if purposes is not None and _SIGNING.isdisjoint(purposes):
        raise ValueError(f"{named(certificate)} may not certify those who sign code")
