"""The gateway beside a plain pass-through: CPU a request, streams at once, a soak; `run()`.

CPU is what the proxy's own process used; the proxies take turns in one run. On a busy machine both
cost more, the one with more code more so.

    python -m bench gateway              a soak of 20 seconds
    python -m bench.gateway --soak 600   ten minutes; prints the section
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, NamedTuple

import psutil

from bench._gateway_load import DELTAS, PACE, fire, one, process, session

REQUESTS: Final = 100
ROUNDS: Final = 3
OPEN: Final = (250, 1_000)
AT_ONCE: Final = 16
SOAK: Final = ("plain", "card", "prompt", "plain", "attack")
"""Kinds of requests, in turn: three of five hold something that must be found."""
MIB: Final = 2**20
PROXIES: Final = {
    "plain": ("plain", "{upstream}"),
    "guarded": ("guarded", "{folder}", "{upstream}", "off"),
    "classified": ("guarded", "{folder}", "{upstream}", "required"),
}


class Load(NamedTuple):
    """A kind of requests."""

    name: str
    kind: str
    stream: bool
    at_once: int


LOADS: Final = (
    Load("whole answer", "plain", stream=False, at_once=8),
    Load(f"stream of {DELTAS} deltas that come together", "plain", stream=True, at_once=8),
    Load(f"stream of {DELTAS} deltas that come one by one", "paced", stream=True, at_once=16),
)


@dataclass(slots=True)
class Soaked:
    """What a soak came to."""

    asked: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """MiB, at equal distances in time."""
    files: list[int] = field(default_factory=list)
    """Open files and sockets, likewise."""


def cpu_of(proxy: psutil.Process) -> float:
    """Seconds."""
    times = proxy.cpu_times()
    return float(times.user + times.system)


def costs(folder: str, upstream: str) -> dict[str, dict[str, float]]:
    """Microseconds of CPU a request, by load and proxy: the least of several rounds in turn."""
    with ExitStack() as stack:
        there = {
            name: stack.enter_context(
                process(*(part.format(folder=folder, upstream=upstream) for part in role))
            )
            for name, role in PROXIES.items()
        }
        found: dict[str, dict[str, float]] = {load.name: {} for load in LOADS}
        number = 0
        for rounds, load in ((n, load) for load in LOADS for n in range(ROUNDS + 1)):
            for name, (url, proxy) in there.items():
                before, number = cpu_of(proxy), number + REQUESTS
                wrong = asyncio.run(
                    fire(
                        url,
                        range(number, number + REQUESTS),
                        load.kind,
                        stream=load.stream,
                        at_once=load.at_once,
                    )
                )
                if wrong:
                    raise RuntimeError(f"{len(wrong)} requests failed: {wrong[0]}")
                spent = (cpu_of(proxy) - before) / REQUESTS * 1e6
                if rounds:  # the first warms up
                    found[load.name][name] = min(spent, found[load.name].get(name, spent))
        return found


async def opened(url: str, proxy: psutil.Process, streams: int) -> tuple[float, list[str]]:
    """The most memory while so many slow streams are open, in MiB, and what went wrong."""
    asked = asyncio.ensure_future(
        fire(url, range(10_000, 10_000 + streams), "slow", stream=True, at_once=streams)
    )
    most = 0.0
    while not asked.done():
        most = max(most, proxy.memory_info().rss / MIB)
        await asyncio.sleep(0.25)
    return most, asked.result()


async def soak(url: str, proxy: psutil.Process, seconds: float) -> Soaked:
    """Ask at saturation for so long; every answer is looked at."""
    done, started = Soaked(), time.monotonic()
    numbered = enumerate(cycle(SOAK), 100_000)

    async def some() -> None:
        for number, kind in numbered:
            if time.monotonic() - started > seconds:
                return
            what = await one(client, url, number, kind, stream=number % 3 > 0)
            done.asked += 1
            done.wrong += [what] if what else []

    async def watch() -> None:
        while time.monotonic() - started < seconds:
            done.memory.append(proxy.memory_info().rss / MIB)
            done.files.append(proxy.num_fds())
            await asyncio.sleep(seconds / 20)

    async with session() as client:
        await asyncio.gather(watch(), *(some() for _ in range(AT_ONCE)))
    done.seconds = time.monotonic() - started
    return done


def run(seconds: float = 20.0) -> str:
    """Markdown for docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as folder, process("model") as (upstream, _):
        found = costs(folder, upstream)
        with process("guarded", folder, upstream, "off") as (url, proxy):
            asyncio.run(fire(url, range(50), "plain", stream=True, at_once=8))
            memory, failed = {0: proxy.memory_info().rss / MIB}, list[str]()
            for streams in OPEN:
                memory[streams], wrong = asyncio.run(opened(url, proxy, streams))
                failed += wrong
            done = asyncio.run(soak(url, proxy, seconds))
    return "\n".join([*_costs(found), *_streams(memory, failed), *_soaked(done), ""])


def _costs(found: dict[str, dict[str, float]]) -> list[str]:
    return [
        "## The gateway beside a plain pass-through",
        "",
        f"CPU of the proxy's process for one request, the least of {ROUNDS} rounds of {REQUESTS},",
        "in turn: a conversation of eight messages, the last of them new, an answer of 100 words.",
        "Plain: aiohttp server and client that look at nothing. Gateway: all detectors but the",
        "classifier, decisions written to a file; and with the classifier.",
        "",
        "| | plain aiohttp | gateway | more | with the classifier |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {by['plain']:.0f} µs | {by['guarded']:.0f} µs "
            f"| × {by['guarded'] / by['plain']:.1f} | {by['classified']:.0f} µs |"
            for name, by in found.items()
        ),
        "",
    ]


def _streams(memory: dict[int, float], failed: list[str]) -> list[str]:
    told = ", ".join(f"{size:.0f} MiB with {streams}" for streams, size in memory.items())
    each = (memory[OPEN[-1]] - memory[0]) * 1024 / OPEN[-1]
    return [
        f"- Streams open at once for {DELTAS * PACE['slow']:.0f} s: {told};",
        f"  {each:.0f} KiB each; {len(failed)} failed" + (f" ({failed[0]})." if failed else "."),
    ]


def _soaked(done: Soaked) -> list[str]:
    missed = sum(what.startswith("missed") for what in done.wrong)
    failed = len(done.wrong) - missed
    memory = (done.memory[0], done.memory[len(done.memory) // 2], done.memory[-1])
    start, half, end = (f"{size:.0f} MiB" for size in memory)
    return [
        f"- Soak of {done.seconds:.0f} s at saturation ({AT_ONCE} at once), of five requests one",
        "  attack, one card in the prompt and one cut over the deltas of the answer:",
        f"  {done.asked} requests, {failed} failed, {missed} missed;",
        f"  memory {start} at the start, {half} half way, {end} at the end;",
        f"  open files {done.files[0]} at the start, {done.files[-1]} at the end.",
        *(f"  First of what went wrong: {what}." for what in done.wrong[:1]),
    ]


def main() -> None:
    """The section on its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak", type=float, default=20.0, help="seconds")
    print(run(parser.parse_args().soak))


if __name__ == "__main__":
    main()
