"""Signing models with a key that stays in a token: PKCS#11 2.40, named by a URI (RFC 7512).

    pkcs11:token=models;object=signer?module-path=/usr/lib/softhsm/libsofthsm2.so

The PIN comes from the environment or from a file that the URI names, never from the URI itself,
since command lines are for all on the machine to read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import Hash
from cryptography.hazmat.primitives.serialization import load_der_public_key

from strongroom.domain.errors import InputError, KeyAccessError, MissingExtra
from strongroom.keys.oms_keys import accepted, hash_of
from strongroom.keys.private import read_private

try:  # brought by an extra
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature
except ModuleNotFoundError as error:
    raise MissingExtra("pkcs11", "signing with a PKCS#11 token") from error

_EXAMPLE: Final = "pkcs11:token=models;object=signer?module-path=/usr/lib/softhsm/libsofthsm2.so"
_PIN: Final = "set STRONGROOM_PKCS11_PIN, or name a file: &pin-source=file:/run/secrets/pin"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which key of which token, and the library that talks to it."""

    module: str
    token: str
    label: str | None
    id: bytes | None
    pin_file: Path | None

    @classmethod
    def parse(cls, uri: str) -> TokenKey:
        """Read a `pkcs11:` URI. Raises InputError."""
        scheme_name, _, rest = uri.partition(":")
        path, _, query = rest.partition("?")
        try:
            named = dict(part.split("=", 1) for part in path.split(";") if part)
            asked = dict(part.split("=", 1) for part in query.split("&") if part)
        except ValueError as error:
            raise InputError("not a PKCS#11 URI", fix=_EXAMPLE) from error
        if scheme_name != "pkcs11" or not {"object", "id"} & named.keys() or "token" not in named:
            raise InputError("a PKCS#11 URI names token and object", fix=_EXAMPLE)
        if "pin-value" in asked:
            raise InputError("a PIN in a URI is for all to read", fix=_PIN)
        if "module-path" not in asked:
            raise InputError("a PKCS#11 URI that names no library", fix=_EXAMPLE)
        source = unquote(asked.get("pin-source", "")).removeprefix("file:")
        return cls(
            unquote(asked["module-path"]),
            unquote(named["token"]),
            unquote(named["object"]) if "object" in named else None,
            unquote_to_bytes(named["id"]) if "id" in named else None,
            Path(source) if source else None,
        )


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """See ModelSigner. A session of the token is open only while it signs."""

    key: TokenKey
    pin: str = field(repr=False)
    public: EllipticCurvePublicKey

    @classmethod
    def open(cls, uri: str, pin: str | None) -> TokenSigner:
        """Find the key. `pin` is used when the URI names no file with one.

        Raises InputError for a malformed URI or a key that OMS does not know, KeyAccessError when
        library, token, PIN or key is not there.
        """
        key = TokenKey.parse(uri)
        if key.pin_file is not None:
            pin = read_private(key.pin_file).decode("utf-8", "replace").strip()
        if not pin:
            raise KeyAccessError("no PIN for the token", where=key.token, fix=_PIN)
        with _session(key, pin) as session:
            found = _find(session, key, pkcs11.ObjectClass.PUBLIC_KEY)
            try:
                der = encode_ec_public_key(found)
                return cls(key, pin, accepted(load_der_public_key(der)))
            except (ValueError, KeyError, pkcs11.AttributeTypeInvalid) as error:
                raise InputError("OMS signs with ECDSA keys only", where=key.token) from error

    def sign(self, data: bytes) -> bytes:
        """See ModelSigner: the token is given the hash and signs that."""
        state = Hash(hash_of(self.public))
        state.update(data)
        with _session(self.key, self.pin) as session:
            private = _find(session, self.key, pkcs11.ObjectClass.PRIVATE_KEY)
            signed = private.sign(state.finalize(), mechanism=pkcs11.Mechanism.ECDSA)
        return bytes(encode_ecdsa_signature(signed))


@contextlib.contextmanager
def _session(key: TokenKey, pin: str) -> Iterator[Any]:
    try:
        with pkcs11.lib(key.module).get_token(token_label=key.token).open(user_pin=pin) as session:
            yield session
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid) as error:
        raise KeyAccessError("wrong PIN for the token", where=key.token, fix=_PIN) from error
    except pkcs11.PinLocked as error:
        fix = "unlock it with the security officer's PIN"
        raise KeyAccessError("the token's PIN is locked", where=key.token, fix=fix) from error
    except pkcs11.NoSuchToken as error:
        raise KeyAccessError("there is no such token", where=key.token, fix=_EXAMPLE) from error
    except pkcs11.PKCS11Error as error:
        said = str(error) or type(error).__name__
        raise KeyAccessError(f"the token cannot be used: {said}"[:300], where=key.token) from error


def _find(session: Any, key: TokenKey, kind: pkcs11.ObjectClass) -> Any:
    try:
        return session.get_key(object_class=kind, label=key.label, id=key.id)
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
        none = isinstance(error, pkcs11.NoSuchKey)
        raise KeyAccessError(
            f"the token has {'no' if none else 'more than one'} such {kind.name.lower()}",
            where=f"{key.token}: {key.label or ''}{key.id.hex() if key.id else ''}",
            fix="give its label as object=, its number as id=%01",
        ) from error
