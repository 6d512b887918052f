"""Where a home's parts lie: parsed once, from a mapping such as the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path(".strongroom")


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be set from outside; None is the embedded default inside the home's folder."""

    database: str | None = None
    """`STRONGROOM_DATABASE`: `postgresql://…` or `sqlite:///FILE`."""
    objects: str | None = None
    """`STRONGROOM_OBJECTS`: `file:///FOLDER`, `s3://BUCKET/PREFIX`, `gs://…` or `az://…`."""
    kms: str | None = None
    """`STRONGROOM_KMS`: `local:FOLDER`."""
    passphrase: bytes | None = None
    """`STRONGROOM_PASSPHRASE`: opens the service keys; without it `local.secret` does."""

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> Settings:
        """Read the `STRONGROOM_…` names; an empty value is as good as none."""
        passphrase = environment.get("STRONGROOM_PASSPHRASE")
        return cls(
            database=environment.get("STRONGROOM_DATABASE") or None,
            objects=environment.get("STRONGROOM_OBJECTS") or None,
            kms=environment.get("STRONGROOM_KMS") or None,
            passphrase=passphrase.encode() if passphrase else None,
        )

    def __repr__(self) -> str:
        """Without the passphrase, and without URLs: they may hold passwords."""
        return "Settings(…)"
