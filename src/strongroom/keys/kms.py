"""Key services by URI: ours, and those of other packages by the entry point `strongroom.kms`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from strongroom.domain.errors import InputError, MissingExtra
from strongroom.keys.key_service import DEFAULT_KEY, Access, Destruction, Kms
from strongroom.keys.local_kms import LocalKms

__all__ = ["DEFAULT_KEY", "Access", "Destruction", "Kms", "LocalKms", "kms_from_uri", "same"]

Opener = Callable[[str, Access], Kms]
"""Takes what stands after `SCHEME:`, and what that needs. Raises InputError."""
GROUP: Final = "strongroom.kms"
_OPENERS: Final[Mapping[str, tuple[str, str | None]]] = {
    "local": ("strongroom.keys.local_kms", None),
    "vault": ("strongroom.keys.services.vault", "vault"),
    "openbao": ("strongroom.keys.services.vault", "vault"),
    "pkcs11": ("strongroom.keys.services.token", "pkcs11"),
    "aws-kms": ("strongroom.keys.services.aws", "aws"),
    "azure-kv": ("strongroom.keys.services.azure", "azure"),
    "gcp-kms": ("strongroom.keys.services.gcp", "gcp"),
}
"""Scheme → module with a function `open_kms`, and the extra that it needs."""


def kms_from_uri(
    uri: str,
    *,
    secret: bytes | None = None,
    guessable: bool = True,
    environment: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Kms:
    """Open a key service: `local:FOLDER`, `openbao:https://HOST/MOUNT`, …; see docs/keys.md.

    `secret` locks the files of the local one; `guessable=False` says that it is 32 random bytes.
    Tokens and PINs come from `environment`, the process's own unless given. `timeout` is in
    seconds, for one call. Nothing is asked of the service yet. Raises InputError for an unknown
    scheme, or when the scheme needs what was not given; MissingExtra.
    """
    scheme, _, rest = uri.partition(":")
    given = dict(os.environ if environment is None else environment)
    return _opener(scheme, uri)(rest, Access(secret, guessable, given, timeout))


def same(one: str, other: str) -> bool:
    """Whether two URIs mean one service: a home has one local one, and may have been moved."""
    return one == other or (one.startswith("local:") and other.startswith("local:"))


def _opener(scheme: str, uri: str) -> Opener:
    if scheme in _OPENERS:
        module, extra = _OPENERS[scheme]
        try:
            return _function(import_module(module).open_kms)
        except ModuleNotFoundError as error:
            if extra is None or (error.name or "").startswith("strongroom"):
                raise
            raise MissingExtra(extra, f"a key service of scheme {scheme}") from error
    for point in entry_points(group=GROUP, name=scheme):
        return _function(point.load())
    known = sorted({*_OPENERS, *(point.name for point in entry_points(group=GROUP))})
    raise InputError(
        f"no key service of scheme {scheme!r}",
        where=uri.partition("?")[0][:200],
        fix=f"one of {', '.join(known)}",
    )


def _function(found: Any) -> Opener:
    if not callable(found):
        raise InputError(f"the entry point of group {GROUP} is no function: {found!r:.80}")
    opener: Opener = found
    return opener
