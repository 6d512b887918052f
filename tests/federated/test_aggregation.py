"""Exact sums, whoever falls out; and a coordinator that is curious, or lies."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import (
    AbortedError,
    DeniedError,
    InputError,
    IntegrityError,
    TrustError,
)
from strongroom.federated.aggregation import Aggregation
from strongroom.federated.local import aggregate, answer_of
from strongroom.federated.masks import mask
from strongroom.federated.member import Member, Step
from strongroom.federated.messages import Advert, Agreement, Terms, Unmasking
from strongroom.federated.shamir import combine
from strongroom.testing.federations import BANKS, federation, plain_sum, seeded, vectors

STEPS = [step for step in Step if step is not Step.OVER]


def members(entropy=os.urandom):
    team = federation()
    return {n: Member(n, s, team.terms, entropy) for n, s in team.signers.items()}


def run_to(step: Step, values=None, entropy=os.urandom, lost=None):
    """The members and the coordinator just before `step` is asked."""
    everybody, given_values = members(entropy), values or vectors(1)
    aggregation = Aggregation(federation().terms, BANKS)
    while aggregation.step is not step:
        for name, question in aggregation.asked.items():
            if (lost or {}).get(name, Step.OVER) > aggregation.step:
                said = answer_of(everybody[name], aggregation.step, question, given_values[name])
                aggregation.receive(name, said)
        aggregation.close()
    return everybody, aggregation


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.dictionaries(st.sampled_from(BANKS), st.sampled_from(STEPS), max_size=2),
)
def test_sum_is_bit_for_bit_that_of_whoever_sent_a_vector(seed, lost):
    team, values = federation(), vectors(seed)
    total = aggregate(team.terms, team.signers, values, seeded(seed), lost)
    inside = [n for n in BANKS if lost.get(n, Step.OVER) > Step.MASK]
    assert total.company == tuple(inside)
    assert np.array_equal(total.words, plain_sum([values[n] for n in inside]))
    assert set(total.fallen) == set(BANKS) - set(inside)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name.lower())
def test_below_the_threshold_there_is_no_sum(step):
    team = federation()
    lost = dict.fromkeys(BANKS[:3], step)
    with pytest.raises(AbortedError, match="2 of 5 banks take part, 3 are agreed"):
        aggregate(team.terms, team.signers, vectors(1), os.urandom, lost)


def seen(values, entropy) -> dict[str, np.ndarray]:
    """All vectors that a coordinator is sent."""
    everybody, aggregation = run_to(Step.MASK, values, entropy)
    return {
        n: answer_of(everybody[n], Step.MASK, q, values[n]) for n, q in aggregation.asked.items()
    }


def test_what_is_sent_for_one_update_could_have_been_sent_for_another():
    """Two runs with the same sum and the same randomness but for one mask seed look alike.

    Move d from ash to birch. A pairwise mask that is larger by d would send the same bytes: so to
    whoever does not know that mask, both updates are alike.
    """
    values = vectors(3)
    moved = np.random.default_rng(4).integers(0, 2**64, 6, dtype=np.uint64)
    other = {**values, "ash": values["ash"] - moved, "birch": values["birch"] + moved}
    one, two = seen(values, seeded(5)), seen(other, seeded(5))
    difference = {n: one[n] - two[n] for n in BANKS}
    assert np.array_equal(difference["ash"], moved)
    assert np.array_equal(difference["birch"], -moved)
    assert all(not difference[n].any() for n in BANKS[2:])
    assert np.array_equal(plain_sum(list(one.values())), plain_sum(list(two.values())))


def test_what_one_bank_sends_is_uniform_whatever_its_update():
    """Chi-square over the 256 values of a byte: 8,000 bytes of an update that is all zeros."""
    team = federation(length=1000)
    zero = {n: np.zeros(1000, dtype=np.uint64) for n in BANKS}
    aggregation = Aggregation(team.terms, BANKS)
    entropy = seeded(7)
    everybody = {n: Member(n, s, team.terms, entropy) for n, s in team.signers.items()}
    for step in (Step.ADVERTISE, Step.SHARE):
        for name, question in aggregation.asked.items():
            aggregation.receive(name, answer_of(everybody[name], step, question, zero[name]))
        aggregation.close()
    sent = everybody["ash"].mask(zero["ash"], aggregation.asked["ash"])
    counts = np.bincount(np.frombuffer(sent.tobytes(), dtype=np.uint8), minlength=256)
    chi_square = float(((counts - 31.25) ** 2 / 31.25).sum())
    assert 170 < chi_square < 350  # 255 degrees of freedom: 1e-5 of all draws lie outside


def test_pairwise_masks_alone_do_not_open_a_vector():
    """A bank that is late, not gone: with its mask key the coordinator still lacks its own mask."""
    values = vectors(9)
    lost = {"fir": Step.MASK}
    everybody, aggregation = run_to(Step.MASK, values, lost=lost)
    late = everybody["fir"].mask(values["fir"], aggregation.asked["fir"])
    for name in BANKS[:4]:
        aggregation.receive(name, everybody[name].mask(values[name], aggregation.asked[name]))
    aggregation.close()
    for step in (Step.AGREE, Step.UNMASK):
        for name, question in aggregation.asked.items():
            answer = answer_of(everybody[name], step, question, values[name])
            aggregation.receive(name, answer)
        aggregation.close()
    assert np.array_equal(aggregation.total().words, plain_sum([values[n] for n in BANKS[:4]]))
    # The coordinator can now make all pairwise masks of fir, and nobody gave it fir's seed.
    assert not np.array_equal(late, values["fir"])
    given_away = [u.own_masks for u in aggregation._unmaskings.values()]
    assert all("fir" not in shares for shares in given_away)


def test_a_coordinator_that_wants_both_kinds_of_share_of_one_bank_is_refused():
    """Half of the banks are told that ash sent its vector, the others that it fell out."""
    everybody, _ = run_to(Step.AGREE)
    alive, fallen = list(BANKS), list(BANKS[1:])
    told = {"birch": alive, "cedar": alive, "elm": fallen, "fir": fallen, "ash": alive}
    agreements = [everybody[n].agree(list_) for n, list_ in told.items()]
    for name in told:
        with pytest.raises(DeniedError, match="unlike lists of survivors"):
            everybody[name].unmask(agreements)


def test_without_enough_like_lists_nothing_is_unmasked():
    """The same split, each half shown only its own signatures: neither half is enough."""
    everybody, _ = run_to(Step.AGREE)
    alive, fallen = list(BANKS), list(BANKS[1:])
    same = [everybody[n].agree(alive) for n in ("birch", "cedar")]
    other = [everybody[n].agree(fallen) for n in ("elm", "fir")]
    for name, shown in {"birch": same, "cedar": same, "elm": other, "fir": other}.items():
        with pytest.raises(AbortedError, match="2 banks are left"):
            everybody[name].unmask(shown)


def test_a_second_unmasking_is_refused():
    everybody, aggregation = run_to(Step.UNMASK)
    first = everybody["ash"].unmask(aggregation.asked["ash"])
    assert set(first.own_masks) == set(BANKS)
    with pytest.raises(DeniedError, match="answered once, in order"):
        everybody["ash"].unmask(aggregation.asked["ash"])


def test_no_bank_gives_both_kinds_of_share():
    everybody, aggregation = run_to(Step.UNMASK, lost={"cedar": Step.MASK})
    for name, question in aggregation.asked.items():
        said = everybody[name].unmask(question)
        assert set(said.own_masks) == set(BANKS) - {"cedar"}
        assert set(said.mask_keys) == {"cedar"}


def test_fewer_shares_than_the_threshold_do_not_give_the_seed():
    everybody, aggregation = run_to(Step.UNMASK)
    shares = {n: everybody[n].unmask(q).own_masks["ash"] for n, q in aggregation.asked.items()}
    points = {federation().terms.point(n): s for n, s in shares.items()}
    seed = combine(dict(list(points.items())[:3]))
    assert mask(seed, 6).tolist() == mask(everybody["ash"]._seed, 6).tolist()
    with pytest.raises(InputError, match="do not belong together"):
        combine(dict(list(points.items())[:2]))


def test_keys_of_somebody_outside_the_plan_are_refused():
    """A coordinator that makes up banks to be in the majority."""
    everybody, aggregation = run_to(Step.SHARE)
    adverts = [*aggregation.asked["ash"]]
    forged = replace(adverts[1], channel=bytes(32))
    with pytest.raises(TrustError, match="did not sign"):
        everybody["ash"].share([adverts[0], forged, *adverts[2:]])


def test_banks_that_were_given_unlike_tasks_do_not_share():
    """Unlike models for unlike banks would let the sum single one out (Pasquini et al. 2022)."""
    team = federation()
    other = replace(team.terms, context=bytes(32))
    adverts = [
        Member(n, s, other if n == "fir" else team.terms, os.urandom).advertise()
        for n, s in team.signers.items()
        if n != "ash"
    ]
    ash = Member("ash", team.signers["ash"], team.terms, os.urandom)
    with pytest.raises(TrustError, match="fir"):
        ash.share([ash.advertise(), *adverts])


def test_steps_out_of_order_are_refused_and_end_it():
    ash = members()["ash"]
    with pytest.raises(DeniedError, match="asked to mask when advertise was next"):
        ash.mask(np.zeros(6, dtype=np.uint64), {})
    with pytest.raises(DeniedError, match="over was next"):
        ash.advertise()


def test_a_parcel_that_was_changed_is_noticed():
    everybody, aggregation = run_to(Step.MASK)
    parcels = dict(aggregation.asked["ash"])
    parcels["birch"] = parcels["birch"][:-1] + bytes([parcels["birch"][-1] ^ 1])
    with pytest.raises(IntegrityError, match="changed"):
        everybody["ash"].mask(np.zeros(6, dtype=np.uint64), parcels)


def test_a_bank_that_returns_false_shares_spoils_the_sum_loudly():
    everybody, aggregation = run_to(Step.UNMASK)
    for name, question in aggregation.asked.items():
        said = everybody[name].unmask(question)
        if name == "ash":
            said = Unmasking({n: s ^ 1 for n, s in said.own_masks.items()}, said.mask_keys)
        aggregation.receive(name, said)
    aggregation.close()
    with pytest.raises(IntegrityError, match="false shares"):
        aggregation.total()


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        (Step.ADVERTISE, None),
        (Step.ADVERTISE, Advert("birch", bytes(32), bytes(32), bytes(32), bytes(64))),
        (Step.SHARE, {}),
        (Step.SHARE, {"ash": b""}),
        (Step.MASK, np.zeros(5, dtype=np.uint64)),
        (Step.MASK, np.zeros(6)),
        (Step.AGREE, Agreement("ash", BANKS[:3], bytes(64))),
        (Step.UNMASK, Unmasking({}, {})),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Step) else type(value).__name__,
)
def test_an_answer_that_does_not_fit_is_refused(step, answer):
    _, aggregation = run_to(step)
    with pytest.raises(InputError, match="ash"):
        aggregation.receive("ash", answer)
    assert "ash" in aggregation.waiting


def test_an_answer_of_a_stranger_or_a_second_one_is_refused():
    everybody, aggregation = run_to(Step.ADVERTISE)
    aggregation.receive("ash", everybody["ash"].advertise())
    for who in ("ash", "oak"):
        with pytest.raises(InputError, match="nobody asked"):
            aggregation.receive(who, None)


@pytest.mark.parametrize(("threshold", "banks"), [(2, 3), (2, 4), (2, 5), (6, 5), (0, 5), (3, 2)])
def test_thresholds_that_would_not_protect_are_refused(threshold, banks):
    keys = {n: s.public for n, s in list(federation().signers.items())[:banks]}
    with pytest.raises(InputError, match="a threshold of"):
        Terms(bytes(32), keys, threshold, 6)


@pytest.mark.parametrize("record", [Advert, Agreement, Unmasking])
@pytest.mark.parametrize("raw", [None, [], {}, {"bank": 1}, "x", {"bank": "ash", "survivors": {}}])
def test_hostile_json_is_refused(record, raw):
    with pytest.raises(InputError):
        record.from_json(raw)


def test_messages_come_back_from_json():
    everybody, aggregation = run_to(Step.UNMASK)
    advert = aggregation._adverts["ash"]
    agreement = aggregation._agreements["ash"]
    unmasking = everybody["ash"].unmask(aggregation.asked["ash"])
    for message in (advert, agreement, unmasking):
        assert type(message).from_json(message.to_json()) == message
