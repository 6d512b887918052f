"""Asks the judge: within its time, within each tenant's budget, and never in vain.

Whatever goes wrong is an Answer that says so; the verdict is then the one without a judge.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.engine import Answer, Consult
from strongroom.guard.gateway.body import read_json, write_json
from strongroom.guard.gateway.budget import MILLIONTH, Use, tokens_in
from strongroom.guard.gateway.config import Judge, Price
from strongroom.guard.gateway.limits import DAY, Charge, Counters, CountersLost, Over, Window
from strongroom.guard.gateway.refusals import Refusal
from strongroom.guard.gateway.tenants import Setup
from strongroom.guard.judge import MAX_TOKENS, answer_in, request_for

MAX_ANSWER: Final = 65_536
"""Bytes."""
PATH: Final = "/v1/chat/completions"
log = logging.getLogger(__name__)


class Consulting:
    """See the module."""

    def __init__(self, counters: Counters, setup: Callable[[], Setup]) -> None:
        self._counters, self._setup = counters, setup

    async def __call__(self, tenant: str, ask: Consult) -> Answer:
        """The judge's answer for a tenant's text, or why there is none."""
        setup = self._setup()
        judge = setup.file.judge
        if judge is None:
            return Answer(failed="there is no judge here")
        if len(ask.text) > ask.chars:
            return Answer(failed="the text is too long to be shown")
        body = request_for(ask, judge.model, secrets.token_hex(12))
        data, price = write_json(body), setup.price(judge.model)
        use = Use(tokens_in(len(data)), MAX_TOKENS)
        try:
            taken = await self._counters.take(tenant, _charges(judge, use, price))
        except CountersLost:
            return Answer(failed="its budget is not known now")
        if isinstance(taken, Over):
            return Answer(failed="its budget is used up")
        try:
            value = await asyncio.wait_for(_asked(setup, judge, data), judge.seconds)
        except TimeoutError:
            return Answer(failed="took too long")
        except (Refusal, InputError, OSError) as error:
            return Answer(failed=f"could not be asked: {type(error).__name__}")
        await self._settle(taken, value, use, price)
        return answer_in(value, ask)

    async def _settle(
        self, taken: tuple[Window, ...], value: Any, reserved: Use, price: Price | None
    ) -> None:
        used = _used(value, reserved)
        for window in taken:
            is_money = window.charge.name.endswith("money_per_day")
            amount = used.price(price) if is_money else used.total
            try:
                await self._counters.settle(window, amount - window.charge.amount)
            except CountersLost as error:  # the reservation stands
                log.warning("what the judge used could not be settled: %s", error)


def _charges(judge: Judge, use: Use, price: Price | None) -> tuple[Charge, ...]:
    charges = [Charge("judge_tokens_per_day", DAY, judge.tokens_per_day, use.total)]
    if judge.money_per_day is not None:
        cap = round(judge.money_per_day * MILLIONTH)
        charges.append(Charge("judge_money_per_day", DAY, cap, use.price(price)))
    return tuple(charges)


async def _asked(setup: Setup, judge: Judge, data: bytes) -> Any:
    server = setup.servers[judge.upstream]
    headers = server.headers([(b"content-type", b"application/json")])
    async with server.request("POST", PATH, data, headers) as response:
        read = await response.content.read(MAX_ANSWER + 1)
        while len(read) <= MAX_ANSWER and (more := await response.content.read(MAX_ANSWER)):
            read += more
        if response.status != 200 or len(read) > MAX_ANSWER:
            raise InputError("the judge did not answer")
    return read_json(read)


def _used(value: Any, reserved: Use) -> Use:
    """What the judge says that it used, if it is a number of tokens."""
    usage = value.get("usage") if isinstance(value, dict) else None
    if not isinstance(usage, dict):
        return reserved
    given, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (isinstance(given, int) and isinstance(made, int) and min(given, made) >= 0):
        return reserved
    return Use(given, made)
