"""What the parties of one aggregation say to each other, and the bytes that banks sign."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import InputError, TrustError
from strongroom.federated.shamir import PRIME, SHARE_BYTES
from strongroom.keys.keypair import PublicKey, Signer

MIN_COMPANY: Final = 3
"""Of two, each knows the other's update by subtracting its own from the sum."""
MAX_MEMBERS: Final = 256
MAX_PARCEL: Final = 2 * SHARE_BYTES + 16
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all parties of one aggregation agree on before it begins."""

    context: bytes
    """32 bytes: digest of plan, round, task and session. Whoever has another context is a stranger,
    so a coordinator cannot hand different models to different banks."""
    members: Mapping[str, PublicKey]
    """Every bank that may take part, and the key it signs with."""
    threshold: int
    """Fewer than so many banks: no sum. More than half of the members, so that no two disjoint
    groups can reach it."""
    length: int
    """Words in a vector."""

    def __post_init__(self) -> None:
        if len(self.context) != 32 or self.length < 1:
            raise InputError("an aggregation takes a context of 32 bytes and a length")
        check_threshold(self.threshold, len(self.members))
        for name in self.members:
            check_name(name)

    def point(self, name: str) -> int:
        """Where the bank's shares lie on the polynomial: given by the plan, not by a message."""
        return sorted(self.members).index(name) + 1


def check_threshold(threshold: int, members: int) -> None:
    """Raises InputError for a threshold that would not protect."""
    least = max(MIN_COMPANY, members // 2 + 1)
    if members > MAX_MEMBERS or not least <= threshold <= members:
        raise InputError(
            f"a threshold of {threshold} among {members} banks",
            fix=f"between {least} (more than half, at least {MIN_COMPANY}) and {members}; "
            f"at most {MAX_MEMBERS} banks",
        )


def check_name(name: str) -> str:
    """A bank's name, also in certificates. Raises InputError."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise InputError(f"not a name for a bank: {name!r:.80}", fix="like bank-a")
    return name


@dataclass(frozen=True, slots=True)
class Advert:
    """A bank's one-time keys for one aggregation."""

    bank: str
    channel: bytes
    """Public key for parcels from bank to bank."""
    mask: bytes
    """Public key from which pairwise masks grow."""
    commitment: bytes
    """SHA-256 of the seed of its own mask, so that false shares of it are noticed."""
    signature: bytes

    @classmethod
    def signed(
        cls, signer: Signer, terms: Terms, bank: str, channel: bytes, mask: bytes, commitment: bytes
    ) -> Advert:
        """Sign the keys for this aggregation and no other."""
        said = _advert(terms, bank, channel, mask, commitment)
        return cls(bank, channel, mask, commitment, signer.sign(said))

    def verify(self, terms: Terms) -> None:
        """Raises TrustError unless a member signed it for these terms."""
        said = _advert(terms, self.bank, self.channel, self.mask, self.commitment)
        _check(terms, self.bank, said, self.signature, "keys")

    def to_json(self) -> dict[str, str]:
        """For the wire."""
        keys = {"channel": self.channel, "mask": self.mask, "commitment": self.commitment}
        made = {name: value.hex() for name, value in keys.items()}
        return {"bank": self.bank, **made, "signature": self.signature.hex()}

    @classmethod
    def from_json(cls, raw: Any) -> Advert:
        """From the wire; trusts nothing. Raises InputError."""
        fields = _object(raw, {"bank", "channel", "mask", "commitment", "signature"})
        channel, mask, commitment = (
            _bytes(fields[name], 32) for name in ("channel", "mask", "commitment")
        )
        signature = _bytes(fields["signature"], None)
        return cls(check_name(fields["bank"]), channel, mask, commitment, signature)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A bank's signature on who is in the sum."""

    bank: str
    survivors: tuple[str, ...]
    signature: bytes

    @classmethod
    def signed(cls, signer: Signer, terms: Terms, bank: str, survivors: Sequence[str]) -> Agreement:
        """Sign the list, sorted."""
        listed = tuple(sorted(survivors))
        return cls(bank, listed, signer.sign(_agreement(terms, bank, listed)))

    def verify(self, terms: Terms) -> None:
        """Raises TrustError unless a member signed it for these terms."""
        _check(terms, self.bank, _agreement(terms, self.bank, self.survivors), self.signature,
               "agreement")  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """For the wire."""
        return {
            "bank": self.bank,
            "survivors": list(self.survivors),
            "signature": self.signature.hex(),
        }

    @classmethod
    def from_json(cls, raw: Any) -> Agreement:
        """From the wire; trusts nothing. Raises InputError."""
        fields = _object(raw, {"bank", "survivors", "signature"})
        return cls(
            check_name(fields["bank"]),
            names(fields["survivors"]),
            _bytes(fields["signature"], None),
        )


@dataclass(frozen=True, slots=True)
class Unmasking:
    """The shares that one bank gives away: for each bank of one kind, never of both."""

    own_masks: Mapping[str, int]
    """Of the seeds of those that are in the sum."""
    mask_keys: Mapping[str, int]
    """Of the private mask keys of those that fell out."""

    def to_json(self) -> dict[str, Any]:
        """For the wire."""
        return {
            "own_masks": {name: f"{share:x}" for name, share in self.own_masks.items()},
            "mask_keys": {name: f"{share:x}" for name, share in self.mask_keys.items()},
        }

    @classmethod
    def from_json(cls, raw: Any) -> Unmasking:
        """From the wire; trusts nothing. Raises InputError."""
        fields = _object(raw, {"own_masks", "mask_keys"})
        return cls(_shares(fields["own_masks"]), _shares(fields["mask_keys"]))


def names(raw: Any) -> tuple[str, ...]:
    """A sorted list of names, each once. Raises InputError."""
    if not isinstance(raw, list) or len(raw) > MAX_MEMBERS:
        raise InputError("not a list of banks")
    made = tuple(check_name(name) for name in raw)
    if list(made) != sorted(set(made)):
        raise InputError("a list of banks names each once, in order")
    return made


def parcels(raw: Any) -> dict[str, bytes]:
    """Parcels by bank. Raises InputError."""
    if not isinstance(raw, dict) or len(raw) > MAX_MEMBERS:
        raise InputError("not parcels by bank")
    return {check_name(name): _bytes(value, MAX_PARCEL) for name, value in raw.items()}


def _advert(terms: Terms, bank: str, channel: bytes, mask: bytes, commitment: bytes) -> bytes:
    keys = {"channel": channel.hex(), "mask": mask.hex(), "commitment": commitment.hex()}
    about = {"kind": "strongroom.federated.advert.v1", "context": terms.context.hex()}
    return canonical({**about, "bank": bank, **keys})


def _agreement(terms: Terms, bank: str, survivors: Sequence[str]) -> bytes:
    about = {"kind": "strongroom.federated.agreement.v1", "context": terms.context.hex()}
    return canonical({**about, "bank": bank, "survivors": list(survivors)})


def _check(terms: Terms, bank: str, said: bytes, signature: bytes, what: str) -> None:
    key = terms.members.get(bank)
    if key is None or not key.verify(said, signature):
        raise TrustError(f"{what} that the plan's {bank} did not sign for this task", where=bank)


def _object(raw: Any, fields: set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict) or set(raw) != fields:
        raise InputError(f"expected an object of {', '.join(sorted(fields))}")
    return raw


def _bytes(raw: Any, size: int | None) -> bytes:
    try:
        value = bytes.fromhex(raw)
    except (TypeError, ValueError) as error:
        raise InputError("expected hexadecimal digits") from error
    if len(value) > 512 or (size is not None and len(value) != size):
        raise InputError(f"{len(value)} bytes where {size} were expected")
    return value


def _shares(raw: Any) -> dict[str, int]:
    if not isinstance(raw, dict) or len(raw) > MAX_MEMBERS:
        raise InputError("not shares by bank")
    made = {}
    for name, text in raw.items():
        if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{1,132}", text):
            raise InputError("not a share", where=str(name)[:80])
        made[check_name(name)] = int(text, 16)
        if made[name] >= PRIME:
            raise InputError("a share beyond the prime", where=name)
    return made
