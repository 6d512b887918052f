"""A bank's answers to a coordinator's frames: the engines of one bank, behind one function.

No sockets, no clock: `bank` carries frames here and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from strongroom.domain.digests import Digest
from strongroom.domain.errors import DeniedError, InputError, StrongroomError
from strongroom.federated import fixed
from strongroom.federated.discretion import Given, check
from strongroom.federated.fixed import Words
from strongroom.federated.member import Member
from strongroom.federated.messages import Advert, Agreement, Terms, names, parcels
from strongroom.federated.plan import Plan
from strongroom.federated.shamir import Entropy
from strongroom.federated.tasks import Task
from strongroom.federated.wire import Frame
from strongroom.federated.worker import Worker
from strongroom.keys.keypair import Signer


class Desk:
    """One bank, one plan."""

    def __init__(
        self,
        plan: Plan,
        me: str,
        signer: Signer,
        worker: Worker,
        entropy: Entropy,
        given: Sequence[Given],
        remember: Callable[[Given], None],
    ) -> None:
        """`given` is what this bank was part of before; `remember` is durable when it returns."""
        self._plan, self._me, self._signer, self._worker = plan, me, signer, worker
        self._entropy, self._given, self._remember = entropy, list(given), remember
        self._digest: Digest = plan.digest
        self._task: Task | None = None
        self._member: Member | None = None
        self._words: Words | None = None
        self._company: tuple[str, ...] = ()

    def answer(self, frame: Frame) -> Frame:
        """Reply to one frame; a refusal is a reply with its reason."""
        steps = {
            "vector": self._vector,
            "advertise": self._advertise,
            "share": self._share,
            "mask": self._mask,
            "agree": self._agree,
            "unmask": self._unmask,
        }
        step = frame.header.get("step")
        try:
            if not isinstance(step, str) or step not in steps:
                raise InputError(f"no such step: {step!r:.80}")
            return steps[step](frame)
        except StrongroomError as error:
            self._member = None
            return Frame({"step": step if isinstance(step, str) else None, "refused": str(error)})

    def _vector(self, frame: Frame) -> Frame:
        """A vector in plain: only where the plan says so."""
        if self._plan.aggregation.rule == "secure":
            raise DeniedError("the plan has no vectors in plain", where=self._me)
        task = Task.from_json(frame.header.get("task"), frame.body)
        words = fixed.encode(self._worker.answer(task))
        return Frame({"step": "vector"}, fixed.to_bytes(words))

    def _advertise(self, frame: Frame) -> Frame:
        if self._plan.aggregation.rule != "secure":
            raise DeniedError("the plan has no secure sums", where=self._me)
        task, session = (
            Task.from_json(frame.header.get("task"), frame.body),
            frame.header.get("session"),
        )
        if not isinstance(session, str) or not 16 <= len(session) <= 64:
            raise InputError("a session has a name of 16 to 64 characters")
        context = task.context(self._digest, session)
        terms = Terms(context, self._plan.keys, self._plan.threshold, task.length)
        self._words = fixed.encode(self._worker.answer(task))
        self._task, self._member = task, Member(self._me, self._signer, terms, self._entropy)
        return Frame({"step": "advertise", "advert": self._member.advertise().to_json()})

    def _share(self, frame: Frame) -> Frame:
        adverts = [Advert.from_json(raw) for raw in _list(frame, "adverts")]
        made = self._now().share(adverts)
        return Frame({"step": "share", "parcels": {n: p.hex() for n, p in made.items()}})

    def _mask(self, frame: Frame) -> Frame:
        if self._words is None:
            raise DeniedError("nothing was computed", where=self._me)
        masked = self._now().mask(self._words, parcels(frame.header.get("parcels")))
        return Frame({"step": "mask"}, fixed.to_bytes(masked))

    def _agree(self, frame: Frame) -> Frame:
        self._company = names(frame.header.get("survivors"))
        self._consider()
        return Frame({"step": "agree", "agreement": self._now().agree(self._company).to_json()})

    def _unmask(self, frame: Frame) -> Frame:
        agreements = [Agreement.from_json(raw) for raw in _list(frame, "agreements")]
        given = self._consider()
        made = self._now().unmask(agreements)
        if given not in self._given:
            self._remember(given)
            self._given.append(given)
        return Frame({"step": "unmask", "unmasking": made.to_json()})

    def _consider(self) -> Given:
        """What this sum would be in memory. Raises DeniedError when it must not be made."""
        if self._task is None:
            raise DeniedError("no task was given", where=self._me)
        return check(self._given, self._task, self._company)

    def _now(self) -> Member:
        if self._member is None:
            raise DeniedError("no aggregation is under way", where=self._me)
        return self._member


def _list(frame: Frame, name: str) -> list[Any]:
    raw = frame.header.get(name)
    if not isinstance(raw, list) or len(raw) > 256:
        raise InputError(f"no list of {name}")
    return raw
