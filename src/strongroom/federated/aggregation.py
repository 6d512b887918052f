"""The coordinator's side of one secure aggregation: learns the sum, and no single vector.

A phase collects one answer of each bank that is still there; whoever drives this decides when a
phase has lasted long enough and closes it. Banks that did not answer are out. See `member` for the
steps. No I/O, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import AbortedError, InputError, IntegrityError
from strongroom.federated import masks, shamir
from strongroom.federated.fixed import Words, to_bytes
from strongroom.federated.member import Step, pair_mask
from strongroom.federated.messages import Advert, Agreement, Terms, Unmasking

Answer: TypeAlias = "Advert | dict[str, bytes] | Words | Agreement | Unmasking"


@dataclass(frozen=True, slots=True)
class Total:
    """What an aggregation comes to."""

    words: Words
    company: tuple[str, ...]
    """Whose vectors are in the sum."""
    fallen: Mapping[str, str]
    """Who began and is not in the sum, and the step it did not answer."""
    sent: Mapping[str, Digest]
    """Digest of each bank's masked vector, which says nothing about the vector."""


class Aggregation:
    """Ask everybody in `asked` for `step`; `receive` the answers; `close` the phase; repeat."""

    def __init__(self, terms: Terms, present: Sequence[str]) -> None:
        self.step = Step.ADVERTISE
        self.asked: dict[str, Any] = dict.fromkeys(sorted(present))
        """What each bank is asked with: the argument of its `Member`'s method."""
        self._terms = terms
        self._fallen: dict[str, str] = {}
        self._adverts: dict[str, Advert] = {}
        self._parcels: dict[str, dict[str, bytes]] = {}
        self._masked: dict[str, Digest] = {}
        self._sum = np.zeros(terms.length, dtype=np.uint64)
        self._agreements: dict[str, Agreement] = {}
        self._unmaskings: dict[str, Unmasking] = {}
        if not set(present) <= set(terms.members):
            raise InputError("a bank that the plan does not name is present")
        self._enough(self.asked)

    @property
    def waiting(self) -> frozenset[str]:
        """Who has not answered this phase."""
        return frozenset(set(self.asked) - set(self._answers()))

    def receive(self, bank: str, answer: Answer) -> None:
        """Take a bank's answer. Raises InputError, TrustError: that bank is then out."""
        if bank not in self.waiting:
            raise InputError(f"an answer to {self.step.name.lower()} that nobody asked", where=bank)
        takers: dict[Step, Callable[[str, Any], None]] = {
            Step.ADVERTISE: self._take_advert,
            Step.SHARE: self._take_parcels,
            Step.MASK: self._take_masked,
            Step.AGREE: self._take_agreement,
            Step.UNMASK: self._take_unmasking,
        }
        takers[self.step](bank, answer)

    def close(self) -> None:
        """End the phase with those who answered. Raises AbortedError when they are too few."""
        answered = self._answers()
        for name in self.waiting:
            self._fallen.setdefault(name, self.step.name.lower())
        self._enough(answered)
        self.asked = {name: self._question(name) for name in sorted(answered)}
        self.step = Step(self.step + 1)

    def total(self) -> Total:
        """Take the masks off the sum. Raises IntegrityError when shares are false."""
        if self.step is not Step.OVER:
            raise InputError("the aggregation is not over")
        words = self._sum
        for name in self._masked:
            words = words - masks.mask(self._seed(name), self._terms.length)
        for gone in set(self._parcels) - set(self._masked):
            private = self._mask_key(gone)
            for name in self._masked:
                public = self._adverts[name].mask
                left = pair_mask(private, public, self._terms, name, gone)
                words = words - left if name < gone else words + left
        company = tuple(sorted(self._masked))
        fallen = {n: s for n, s in sorted(self._fallen.items()) if n not in self._masked}
        return Total(words, company, fallen, dict(sorted(self._masked.items())))

    # --- what is taken, each checked before it counts

    def _take_advert(self, bank: str, advert: Advert) -> None:
        _of(advert, Advert, bank)
        if advert.bank != bank:
            raise InputError("keys of somebody else", where=bank)
        advert.verify(self._terms)
        self._adverts[bank] = advert

    def _take_parcels(self, bank: str, parcels: dict[str, bytes]) -> None:
        _of(parcels, dict, bank)
        if set(parcels) != set(self._adverts) - {bank}:
            raise InputError("not one parcel for each other bank", where=bank)
        self._parcels[bank] = parcels

    def _take_masked(self, bank: str, words: Words) -> None:
        _of(words, np.ndarray, bank)
        if words.dtype != np.uint64 or words.shape != self._sum.shape:
            raise InputError(f"{words.shape} {words.dtype} instead of words", where=bank)
        self._sum = self._sum + words
        self._masked[bank] = sha256(to_bytes(words))

    def _take_agreement(self, bank: str, agreement: Agreement) -> None:
        _of(agreement, Agreement, bank)
        if agreement.bank != bank or agreement.survivors != tuple(sorted(self._masked)):
            raise InputError("an agreement to something else", where=bank)
        agreement.verify(self._terms)
        self._agreements[bank] = agreement

    def _take_unmasking(self, bank: str, unmasking: Unmasking) -> None:
        _of(unmasking, Unmasking, bank)
        gone = set(self._parcels) - set(self._masked)
        if set(unmasking.own_masks) != set(self._masked) or set(unmasking.mask_keys) != gone:
            raise InputError("not one share for each bank", where=bank)
        self._unmaskings[bank] = unmasking

    # --- within

    def _answers(self) -> Mapping[str, Any]:
        by_step: dict[Step, Mapping[str, Any]] = {
            Step.ADVERTISE: self._adverts,
            Step.SHARE: self._parcels,
            Step.MASK: self._masked,
            Step.AGREE: self._agreements,
            Step.UNMASK: self._unmaskings,
        }
        return by_step.get(self.step, {})

    def _question(self, name: str) -> Any:
        """What a bank is asked with in the next phase."""
        if self.step is Step.ADVERTISE:
            return list(self._adverts.values())
        if self.step is Step.SHARE:
            return {n: p[name] for n, p in self._parcels.items() if n != name}
        if self.step is Step.MASK:
            return sorted(self._masked)
        if self.step is Step.AGREE:
            return list(self._agreements.values())
        return None

    def _enough(self, who: Mapping[str, Any]) -> None:
        if len(who) < self._terms.threshold:
            lost = ", ".join(f"{n} at {s}" for n, s in sorted(self._fallen.items())) or "none fell"
            raise AbortedError(
                f"{len(who)} of {len(self._terms.members)} banks take part, "
                f"{self._terms.threshold} are agreed ({lost})",
                fix="wait for more banks; the round is done again from the start",
            )

    def _seed(self, name: str) -> bytes:
        seed = self._combined(name, {b: u.own_masks[name] for b, u in self._unmaskings.items()})
        if hashlib.sha256(seed).digest() != self._adverts[name].commitment:
            raise _false_shares(name)
        return seed

    def _mask_key(self, name: str) -> bytes:
        key = self._combined(name, {b: u.mask_keys[name] for b, u in self._unmaskings.items()})
        if masks.public_of(key) != self._adverts[name].mask:
            raise _false_shares(name)
        return key

    def _combined(self, name: str, shares: Mapping[str, int]) -> bytes:
        first = sorted(shares)[: self._terms.threshold]
        try:
            return shamir.combine({self._terms.point(bank): shares[bank] for bank in first})
        except InputError as error:
            raise _false_shares(name) from error


def _of(answer: object, kind: type, bank: str) -> None:
    if not isinstance(answer, kind):
        raise InputError(f"{type(answer).__name__} instead of {kind.__name__}", where=bank)


def _false_shares(name: str) -> IntegrityError:
    return IntegrityError(
        "a bank dealt or returned false shares; there is no sum",
        where=name,
        fix="repeat the round; leave out banks one by one if it goes on",
    )
