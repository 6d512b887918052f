"""Who vouches for a signed model: a key, a certificate authority, or the trust policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import Certificate

from strongroom.domain.errors import InputError, IntegrityError, TrustError
from strongroom.domain.statement import PAYLOAD_TYPE
from strongroom.keys.dsse import pae
from strongroom.keys.oms import ModelManifest
from strongroom.keys.oms_bundle import Bundle
from strongroom.keys.oms_certificates import (
    check_chain,
    check_signer,
    named,
    parse_certificates,
)
from strongroom.keys.oms_keys import accepted, key_hint, signed_by
from strongroom.keys.trust import Role, TrustedKey, TrustPolicy


class ModelTrust(Protocol):
    """Decides whose signatures on models count."""

    def vouch(self, bundle: Bundle, model: str, at: datetime, *, where: str) -> str:
        """Who signed, in words, if that counts at that time for a model that says this name.

        Raises IntegrityError when the signature is not over the payload, TrustError when it does
        not count, InputError for what cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignedModel:
    """A manifest that somebody vouches for."""

    manifest: ModelManifest
    signer: str


def open_signature(data: bytes, trust: ModelTrust, at: datetime, *, where: str) -> SignedModel:
    """What a signature file says, if `trust` believes it. Raises as `ModelTrust.vouch` does."""
    bundle = Bundle.from_bytes(data, where=where)
    manifest = ModelManifest.parse(bundle.payload, where=where)
    return SignedModel(manifest, trust.vouch(bundle, manifest.name, at, where=where))


@dataclass(frozen=True, slots=True)
class TrustKeys:
    """Believes these keys, at any time."""

    keys: tuple[EllipticCurvePublicKey, ...]

    def vouch(self, bundle: Bundle, model: str, at: datetime, *, where: str) -> str:  # noqa: ARG002
        """See ModelTrust."""
        key = _hinted(bundle, self.keys, where)
        _check(bundle, key, where)
        return f"key {key_hint(key)[:12]}"


@dataclass(frozen=True, slots=True)
class TrustAuthorities:
    """Believes whoever these authorities certified, while the certificates are valid."""

    roots: tuple[Certificate, ...]

    def vouch(self, bundle: Bundle, model: str, at: datetime, *, where: str) -> str:  # noqa: ARG002
        """See ModelTrust."""
        if not bundle.certificates:
            raise TrustError(
                "signed by a bare key, without certificates", where=where, fix="give --key"
            )
        chain = parse_certificates(bundle.certificates, where=where)
        _check(bundle, check_signer(chain[0], at, where=where), where)
        check_chain(chain, self.roots, at, where=where)
        return named(chain[0])


@dataclass(frozen=True, slots=True)
class TrustHolders:
    """Believes the holders whom the trust policy lets sign models of that name."""

    policy: TrustPolicy

    def vouch(self, bundle: Bundle, model: str, at: datetime, *, where: str) -> str:
        """See ModelTrust."""
        holders = {key_hint(key): holder for holder, key in self._model_keys()}
        key = _hinted(bundle, [key for _, key in self._model_keys()], where)
        _check(bundle, key, where)
        holder = holders[key_hint(key)]
        admitted = self.policy.admit(holder.key.key_id, Role.MODEL, scope=model, at=at, where=where)
        return f"{admitted.name}, by the trust policy"

    def _model_keys(self) -> list[tuple[TrustedKey, EllipticCurvePublicKey]]:
        return [
            (holder, accepted(load_der_public_key(holder.key.der)))
            for holder in self.policy.keys
            if holder.key.algorithm == "ecdsa-p256"
        ]


def _hinted(
    bundle: Bundle, keys: Sequence[EllipticCurvePublicKey], where: str
) -> EllipticCurvePublicKey:
    """The key that the bundle names; if it names none, the one that fits."""
    if bundle.certificates:
        raise TrustError(
            "signed under a certificate, not by a bare key", where=where, fix="give --ca"
        )
    if not keys:
        raise InputError("no key to trust", where=where, fix="an ECDSA key: P-256, P-384, P-521")
    wanted = [key for key in keys if key_hint(key) == bundle.key_hint]
    if not bundle.key_hint:
        message = pae(PAYLOAD_TYPE, bundle.payload)
        wanted = [key for key in keys if signed_by(key, message, bundle.signature)]
    if not wanted:
        raise TrustError(
            f"signed by another key ({(bundle.key_hint or 'unnamed')[:12]})",
            where=where,
            fix="get the signer's public key from somebody you trust, not from beside the model",
        )
    return wanted[0]


def _check(bundle: Bundle, key: EllipticCurvePublicKey, where: str) -> None:
    if not signed_by(key, pae(PAYLOAD_TYPE, bundle.payload), bundle.signature):
        raise IntegrityError(
            "the signature is not over this list of files: one of both was changed",
            where=where,
            fix="get model and signature again from their source",
        )
