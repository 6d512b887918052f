"""A whole federation in one process: to try a plan out, and to show that sums are exact.

Sockets and processes are `coordinator` and `bank`; the engines are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from strongroom.federated.aggregation import Aggregation, Answer, Total
from strongroom.federated.fixed import Words, decode, encode
from strongroom.federated.member import Member, Step
from strongroom.federated.messages import Terms
from strongroom.federated.models import Model
from strongroom.federated.plan import Plan
from strongroom.federated.shamir import Entropy
from strongroom.federated.tasks import Finished, Outcome, Singles, Summed
from strongroom.federated.training import training
from strongroom.federated.worker import Worker
from strongroom.keys.keypair import Signer


def aggregate(
    terms: Terms,
    signers: Mapping[str, Signer],
    vectors: Mapping[str, Words],
    entropy: Entropy,
    lost: Mapping[str, Step] | None = None,
) -> Total:
    """The sum of the banks' vectors; a bank in `lost` answers no more from that step on."""
    gone = lost or {}
    members = {name: Member(name, signers[name], terms, entropy) for name in vectors}
    aggregation = Aggregation(terms, list(vectors))
    while aggregation.step is not Step.OVER:
        for name, question in aggregation.asked.items():
            if gone.get(name, Step.OVER) > aggregation.step:
                answer = answer_of(members[name], aggregation.step, question, vectors[name])
                aggregation.receive(name, answer)
        aggregation.close()
    return aggregation.total()


def answer_of(member: Member, step: Step, question: Any, vector: Words) -> Answer:
    """What a member says when it is asked for a step."""
    if step is Step.ADVERTISE:
        return member.advertise()
    if step is Step.SHARE:
        return member.share(question)
    if step is Step.MASK:
        return member.mask(vector, question)
    if step is Step.AGREE:
        return member.agree(question)
    return member.unmask(question)


def train(
    plan: Plan, workers: Mapping[str, Worker], watch: Callable[[Finished], None] | None = None
) -> Model:
    """Train among these banks, adding fixed-point words up without masks: the same sums."""
    conversation = training(plan)
    outcome: Outcome | None = None
    while True:
        try:
            said = conversation.send(outcome)
        except StopIteration as stop:
            model: Model = stop.value
            return model
        if isinstance(said, Finished):
            outcome = None
            if watch is not None:
                watch(said)
            continue
        words = {name: encode(worker.answer(said)) for name, worker in workers.items()}
        if plan.aggregation.rule == "secure":
            total: Words = np.sum(list(words.values()), axis=0, dtype=np.uint64)
            outcome = Summed(decode(total), tuple(sorted(words)))
        else:
            outcome = Singles({name: decode(one) for name, one in words.items()})
