"""One bank's side of one secure aggregation: five answers, each given once and in order.

After Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS
2017 (https://eprint.iacr.org/2017/281), in the variant for a coordinator that lies:

1. advertise: sign one-time public keys.
2. share: check everybody's signature; split the seed of the own mask and the private mask key into
   shares, one of each for every bank, encrypted for that bank.
3. mask: add the own mask, and a mask with each other bank that one adds and the other subtracts.
4. agree: sign who is in the sum.
5. unmask: if enough banks signed the same list, give away one share for each bank: of the own mask
   of those in the list, of the mask key of those that fell out. Never both: with both the
   coordinator could take every mask off one bank's vector.

No I/O, no clock; randomness is an argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum

from strongroom.domain.errors import AbortedError, DeniedError, InputError
from strongroom.federated import masks, shamir
from strongroom.federated.fixed import Words
from strongroom.federated.messages import Advert, Agreement, Terms, Unmasking
from strongroom.federated.shamir import SHARE_BYTES, Entropy
from strongroom.keys.keypair import Signer


class Step(IntEnum):
    """What a bank answers next."""

    ADVERTISE = 1
    SHARE = 2
    MASK = 3
    AGREE = 4
    UNMASK = 5
    OVER = 6


class Member:
    """Made for one aggregation and thrown away after it; whatever goes wrong ends it."""

    def __init__(self, me: str, signer: Signer, terms: Terms, entropy: Entropy) -> None:
        if me not in terms.members or terms.members[me] != signer.public:
            raise InputError("the plan does not know this bank's key", where=me)
        self._me, self._signer, self._terms, self._entropy = me, signer, terms, entropy
        self._next = Step.ADVERTISE
        self._channel, self._mask, self._seed = entropy(32), entropy(32), entropy(32)
        self._adverts: dict[str, Advert] = {}
        self._own_share = b""
        self._parcels: dict[str, bytes] = {}
        self._survivors: tuple[str, ...] = ()

    def advertise(self) -> Advert:
        """Step 1."""
        with self._answering(Step.ADVERTISE):
            publics = masks.public_of(self._channel), masks.public_of(self._mask)
            commitment = hashlib.sha256(self._seed).digest()
            return Advert.signed(self._signer, self._terms, self._me, *publics, commitment)

    def share(self, adverts: Sequence[Advert]) -> dict[str, bytes]:
        """Step 2: a parcel for each other bank. Raises TrustError for keys nobody signed."""
        with self._answering(Step.SHARE):
            self._adverts = self._believed(adverts)
            points = {name: self._terms.point(name) for name in self._adverts}
            secrets = (self._seed, self._mask)
            seeds, keys = (
                shamir.split(secret, points.values(), self._terms.threshold, self._entropy)
                for secret in secrets
            )
            pairs = {
                name: b"".join(kind[point].to_bytes(SHARE_BYTES) for kind in (seeds, keys))
                for name, point in points.items()
            }
            self._own_share = pairs.pop(self._me)
            return {
                name: masks.wrap(
                    self._parcel_key(name, [self._me, name]), pair, self._terms.context
                )
                for name, pair in pairs.items()
            }

    def mask(self, values: Words, parcels: Mapping[str, bytes]) -> Words:
        """Step 3: the vector under all masks. `parcels` are those meant for this bank."""
        with self._answering(Step.MASK):
            if values.shape != (self._terms.length,):
                raise InputError(f"{values.shape} words, {self._terms.length} agreed")
            if not set(parcels) <= set(self._adverts) - {self._me}:
                raise InputError("a parcel of a bank that advertised no keys")
            self._enough([*parcels, self._me])
            self._parcels = {name: self._opened(name, p) for name, p in parcels.items()}
            total = values + masks.mask(self._seed, self._terms.length)
            for name in parcels:
                pairwise = pair_mask(
                    self._mask, self._adverts[name].mask, self._terms, self._me, name
                )
                total = total + pairwise if self._me < name else total - pairwise
            return total

    def agree(self, survivors: Sequence[str]) -> Agreement:
        """Step 4: sign the list of those whose vectors are in the sum."""
        with self._answering(Step.AGREE):
            if self._me not in survivors or not set(survivors) <= {*self._parcels, self._me}:
                raise DeniedError("a list of survivors that cannot be", where=self._me)
            self._enough(survivors)
            self._survivors = tuple(sorted(set(survivors)))
            return Agreement.signed(self._signer, self._terms, self._me, self._survivors)

    def unmask(self, agreements: Sequence[Agreement]) -> Unmasking:
        """Step 5: one share for each bank. Raises DeniedError when banks were told unlike lists."""
        with self._answering(Step.UNMASK):
            for agreement in agreements:
                agreement.verify(self._terms)
                if agreement.survivors != self._survivors:
                    raise DeniedError(
                        "the coordinator told banks unlike lists of survivors",
                        where=agreement.bank,
                        fix="do not work with this coordinator before that is explained",
                    )
            signers = {agreement.bank for agreement in agreements}
            self._enough([name for name in signers if name in self._survivors])
            pairs = {**self._parcels, self._me: self._own_share}
            return Unmasking(
                own_masks={n: _half(pairs[n], 0) for n in self._survivors},
                mask_keys={n: _half(p, 1) for n, p in pairs.items() if n not in self._survivors},
            )

    @contextmanager
    def _answering(self, step: Step) -> Iterator[None]:
        """Answer `step` if it is next; it is over when that fails."""
        asked, self._next = self._next, Step.OVER
        if asked is not step:
            raise DeniedError(
                f"asked to {step.name.lower()} when {asked.name.lower()} was next",
                where=self._me,
                fix="each step of an aggregation is answered once, in order",
            )
        yield
        self._next = Step(step + 1)

    def _believed(self, adverts: Sequence[Advert]) -> dict[str, Advert]:
        by_name = {advert.bank: advert for advert in adverts}
        own = by_name.get(self._me)
        if own is None or own.mask != masks.public_of(self._mask) or len(by_name) != len(adverts):
            raise DeniedError("these adverts are not of this aggregation", where=self._me)
        publics = [key for advert in adverts for key in (advert.channel, advert.mask)]
        if len(set(publics)) != len(publics):
            raise DeniedError("two banks advertise the same key", where=self._me)
        for advert in adverts:
            advert.verify(self._terms)
        self._enough(by_name)
        return by_name

    def _enough(self, who: Sequence[str] | Mapping[str, object]) -> None:
        if len(set(who)) < self._terms.threshold:
            raise AbortedError(
                f"{len(set(who))} banks are left, {self._terms.threshold} are agreed",
                where=self._me,
            )

    def _parcel_key(self, other: str, path: list[str]) -> bytes:
        public = self._adverts[other].channel
        return masks.agree(self._channel, public, self._terms.context, "parcel", path)

    def _opened(self, sender: str, parcel: bytes) -> bytes:
        key = self._parcel_key(sender, [sender, self._me])
        content = masks.unwrap(key, parcel, self._terms.context, where=sender)
        if len(content) != 2 * SHARE_BYTES:
            raise InputError("a parcel that holds no two shares", where=sender)
        return content


def pair_mask(private: bytes, public: bytes, terms: Terms, one: str, other: str) -> Words:
    """The mask of two banks: the first by name adds it, the second subtracts it."""
    key = masks.agree(private, public, terms.context, "mask", sorted([one, other]))
    return masks.mask(key, terms.length)


def _half(pair: bytes, which: int) -> int:
    return int.from_bytes(pair[which * SHARE_BYTES : (which + 1) * SHARE_BYTES])
