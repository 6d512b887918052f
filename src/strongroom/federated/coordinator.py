"""The coordinator's process: runs the training over sockets, round by round into the ledger."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom.domain.digests import Digest
from strongroom.domain.errors import AbortedError, InputError, StrongroomError
from strongroom.federated import fixed
from strongroom.federated.aggregation import Aggregation, Answer, Total
from strongroom.federated.fixed import Words
from strongroom.federated.hub import Hub
from strongroom.federated.member import Step
from strongroom.federated.messages import Advert, Agreement, Terms, Unmasking, parcels
from strongroom.federated.models import Model, to_bytes
from strongroom.federated.plan import Plan
from strongroom.federated.rounds import Course, Rounds, folded
from strongroom.federated.tasks import Finished, Outcome, Parted, Singles, Summed, Task
from strongroom.federated.training import training
from strongroom.federated.wire import Frame


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 0
    context: ssl.SSLContext | None = None


@dataclass(slots=True)
class _Notes:
    """What the current round's record will say."""

    fallen: dict[str, str] = field(default_factory=dict)
    sent: dict[str, list[Digest]] = field(default_factory=dict)
    aggregations: int = 0

    def course(self) -> Course:
        sent = {name: folded(digests) for name, digests in self.sent.items()}
        return Course(dict(self.fallen), sent, self.aggregations)


class Coordinator:
    """One plan, from the last recorded round to the end."""

    def __init__(self, plan: Plan, hub: Hub, rounds: Rounds) -> None:
        self._plan, self._hub, self._rounds = plan, hub, rounds
        self._digest = plan.digest
        self._notes = _Notes()
        self._began: tuple[int, tuple[str, ...]] | None = None
        """The round, and the company of its first stage."""

    async def run(self, watch: Callable[[Finished], None]) -> Model:
        """Train to the end. Raises AbortedError when too few banks are there."""
        model, done = self._rounds.last() or (None, -1)
        conversation = training(self._plan, model, max(done, 0))
        outcome: Outcome | None = None
        await self._hub.gather(len(self._plan.members), self._plan.time.gather)
        while True:
            try:
                said = conversation.send(outcome)
            except StopIteration as stop:
                final: Model = stop.value
                await self._hub.tell(Frame({"over": True}, to_bytes(final)), self._plan.time.phase)
                return final
            if isinstance(said, Finished):
                self._rounds.record(said, model, self._notes.course())
                model, outcome, self._notes = said.model, None, _Notes()
                watch(said)
            else:
                outcome = await self._outcome(said)

    async def _outcome(self, task: Task) -> Outcome:
        present = await self._hub.gather(self._plan.threshold, self._plan.time.phase)
        if len(present) < self._plan.threshold:
            raise AbortedError(
                f"{len(present)} of {len(self._plan.members)} banks are there, "
                f"{self._plan.threshold} are agreed",
                where=f"round {task.round}",
                fix="start it again when more are: it goes on from the last recorded round",
            )
        self._notes.aggregations += 1
        if self._plan.aggregation.rule != "secure":
            return await self._singles(task, present)
        began = self._began[1] if self._began and self._began[0] == task.round else None
        if began is not None and not set(began) <= set(present):
            return Parted()
        return await self._summed(task, list(began) if began else present, began)

    async def _singles(self, task: Task, present: list[str]) -> Singles:
        frame = Frame({"step": "vector", "task": task.to_json()}, task.body)
        vectors: dict[str, Words] = {}

        def take(bank: str, answer: Frame) -> None:
            vectors[bank] = fixed.from_bytes(answer.body, task.length, where=bank)

        await self._everybody(
            dict.fromkeys(present, frame), self._plan.time.work, 8 * task.length, take
        )
        if len(vectors) < self._plan.threshold:
            raise AbortedError(
                f"{len(vectors)} banks answered, {self._plan.threshold} are agreed",
                where=f"round {task.round}",
            )
        for bank in set(present) - set(vectors):
            self._notes.fallen[bank] = "vector"
        return Singles({bank: fixed.decode(vectors[bank]) for bank in sorted(vectors)})

    async def _summed(
        self, task: Task, present: list[str], began: tuple[str, ...] | None
    ) -> Outcome:
        session = secrets.token_hex(16)
        context = task.context(self._digest, session)
        terms = Terms(context, self._plan.keys, self._plan.threshold, task.length)
        try:
            aggregation = Aggregation(terms, present)
            while aggregation.step is not Step.OVER:
                together = began is None or tuple(aggregation.asked) == began
                if aggregation.step is Step.AGREE and not together:
                    return Parted()
                await self._phase(aggregation, task, session)
                aggregation.close()
            total = aggregation.total()
        except AbortedError:
            if began is None:
                raise
            return Parted()
        self._note(total)
        if task.stage == 0:
            self._began = (task.round, total.company)
        return Summed(fixed.decode(total.words), total.company)

    async def _phase(self, aggregation: Aggregation, task: Task, session: str) -> None:
        step = aggregation.step
        frames = {
            bank: _question(step, question, task, session)
            for bank, question in aggregation.asked.items()
        }
        seconds = self._plan.time.work if step is Step.ADVERTISE else self._plan.time.phase
        max_body = 8 * task.length if step is Step.MASK else 0

        def take(bank: str, answer: Frame) -> None:
            aggregation.receive(bank, _answer(step, answer, task.length, bank))

        await self._everybody(frames, seconds, max_body, take)

    async def _everybody(
        self,
        frames: Mapping[str, Frame],
        seconds: float,
        max_body: int,
        take: Callable[[str, Frame], None],
    ) -> None:
        """Ask all at once; hand in each answer as it comes. Who answers badly is hung up on."""

        async def one(bank: str, frame: Frame) -> None:
            answer = await self._hub.ask(bank, frame, seconds, max_body)
            if answer is None:
                return
            try:
                _check(answer, frame, bank)
                take(bank, answer)
            except StrongroomError as error:
                self._hub.drop(bank, str(error))

        await asyncio.gather(*(one(bank, frame) for bank, frame in frames.items()))

    def _note(self, total: Total) -> None:
        self._notes.fallen |= total.fallen
        for bank, digest in total.sent.items():
            self._notes.sent.setdefault(bank, []).append(digest)


async def coordinate(
    plan: Plan,
    rounds: Rounds,
    place: Place,
    *,
    ready: Callable[[int], None],
    watch: Callable[[Finished], None],
    say: Callable[[str], None],
) -> Model:
    """Listen, train, hang up. `ready` is told the port. Raises AbortedError; see `Coordinator`."""
    if place.context is None:
        raise InputError("a coordinator takes TLS")
    hub = Hub(plan, say)
    server = await hub.listen(place.host, place.port, place.context)
    try:
        ready(server.sockets[0].getsockname()[1])
        return await Coordinator(plan, hub, rounds).run(watch)
    finally:
        server.close()
        await hub.tell(Frame({"gone": True}), 1.0)
        await hub.close()


def _question(step: Step, question: Any, task: Task, session: str) -> Frame:
    name = step.name.lower()
    if step is Step.ADVERTISE:
        return Frame({"step": name, "task": task.to_json(), "session": session}, task.body)
    if step is Step.SHARE:
        return Frame({"step": name, "adverts": [advert.to_json() for advert in question]})
    if step is Step.MASK:
        return Frame({"step": name, "parcels": {n: p.hex() for n, p in question.items()}})
    if step is Step.AGREE:
        return Frame({"step": name, "survivors": question})
    return Frame({"step": name, "agreements": [one.to_json() for one in question]})


def _answer(step: Step, answer: Frame, length: int, bank: str) -> Answer:
    header = answer.header
    if step is Step.ADVERTISE:
        return Advert.from_json(header.get("advert"))
    if step is Step.SHARE:
        return parcels(header.get("parcels"))
    if step is Step.MASK:
        return fixed.from_bytes(answer.body, length, where=bank)
    if step is Step.AGREE:
        return Agreement.from_json(header.get("agreement"))
    return Unmasking.from_json(header.get("unmasking"))


def _check(answer: Frame, asked: Frame, bank: str) -> None:
    """Raises InputError for a refusal, or an answer to something else."""
    if "refused" in answer.header:
        raise InputError(f"refused: {str(answer.header['refused'])[:300]}", where=bank)
    if answer.header.get("step") != asked.header["step"]:
        raise InputError("an answer to another step", where=bank)
