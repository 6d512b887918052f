"""The guard beside its offline peers on the same rows: what they see, and what it costs.

Detection counts a text as caught when the policy's action is not "allow" because of an injection or
jailbreak, at the balanced level, with the same thresholds for every set. The sets lie beside the
repository; without them only numbers and time are measured. Nothing was tuned on them.

Answers of peers are kept (`_guard_peers.py`), so a second run measures ours alone;
`STRONGROOM_BENCH_SECONDS=0` asks no peer anything new, `STRONGROOM_BENCH_OURS` gives ours more or
fewer seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from statistics import median

from bench import _guard_rows as rows
from bench._guard_peers import PEERS, PII_PEERS, Answer, Answers, asked, in_order
from bench._guard_rows import Row, Sets
from strongroom.guard.detectors.catalog import OWN, roster
from strongroom.guard.drivers import Guard, here
from strongroom.guard.engine import Inspect, Question
from strongroom.guard.normalise import readings_of, views_of
from strongroom.guard.policy import ModelUse, default_policy
from strongroom.guard.records import Action, Message, Source

ATTACKS = ("injection", "jailbreak")
NUMBERS = ("pii.pan", "pii.iban")
KEPT = 0.95
"""Share of what was caught in plain that must be caught in a disguise."""
FEWEST = 10
"""Attacks caught in plain that a share of them can be told of."""

OURS = float(os.environ.get("STRONGROOM_BENCH_OURS", "400"))
"""Seconds for ours in each setting; a busy machine needs more."""
CELL = OURS / 20
"""Seconds for one stage and one sort of text."""

Engines = Mapping[str, Answers]


def run() -> str:
    engines, notes = _answers()
    parts = ["## Guard", _intro()]
    if rows.BENCH.is_dir():
        parts += [
            "Percent of texts flagged. Four innocent sets, where every one is a false alarm:",
            _table(engines, {n: s for n, s in rows.quality().items() if n in rows.INNOCENT}),
            "Three of attacks, where every one is a catch:",
            _table(engines, {n: s for n, s in rows.quality().items() if n not in rows.INNOCENT}),
            *_disguised(engines),
        ]
    numbers, missing = _number_answers()
    parts += [
        "Card numbers and IBANs in sentences of ours, and other long numbers, percent flagged:",
        _table(numbers, rows.numbers()),
        "CPU milliseconds a text of prose, p50 / p99 (of 100; of 10 at 32 KB):",
        _times({**engines, **{n: a for n, a in numbers.items() if n in PII_PEERS}}),
        "Ours by stage, p50 / p99. Mixed: prose, payments, other scripts, markup, code, base64:",
        _stages(),
        *notes,
        *missing,
    ]
    return "\n\n".join(parts)


def _intro() -> str:
    return (
        "Balanced level, one set of thresholds; peers at their defaults, in one process each, one "
        f"thread, CPU time. {rows.MOST:,} rows of a set at most, the same for everybody; "
        "“of n”: as many were answered in the time given."
    )


def _answers() -> tuple[Engines, list[str]]:
    """What every engine says of every row, and why some say nothing."""
    first = _flat(rows.timed())
    then = _flat(rows.quality()) + list(_disguises()) if rows.BENCH.is_dir() else []
    engines: dict[str, Answers] = {
        name: _ours(partial(_flagged, guard), first, then) for name, guard in guards().items()
    }
    notes, theirs = [], {peer: asked(peer, first, then) for peer in PEERS}
    for peer, answers in theirs.items():
        if all(answer.flagged is None for answer in answers.values()):
            errors = [answer.error for answer in answers.values()]
            why = errors[0].splitlines()[0] if errors else "it does not install here"
            notes.append(f"{peer} gave no answer offline: {why}")
        else:
            engines[peer] = answers
    return engines, notes


def _number_answers() -> tuple[Engines, list[str]]:
    first, then = _flat(rows.timed()), _flat(rows.numbers())
    patterns = next(iter(guards().values()))
    found: dict[str, Answers] = {"strongroom": _ours(partial(_numbered, patterns), (), then)}
    found |= {peer: asked(peer, first, then) for peer in PII_PEERS}
    missing = [f"{peer} is not installed here." for peer, said in found.items() if not said]
    return {name: said for name, said in found.items() if said}, missing


def guards() -> dict[str, Guard]:
    """Ours, without and with the trained detector where that is installed."""
    made = {"strongroom, patterns": _guard(ModelUse.OFF)}
    if len(roster(ModelUse.OPTIONAL).detectors) > len(OWN):
        made["strongroom"] = _guard(ModelUse.OPTIONAL)
    return made


def _guard(model: ModelUse) -> Guard:
    return Guard(default_policy(), roster(model).detectors, lambda: datetime.now(UTC).date())


def _flagged(guard: Guard, row: Row) -> bool:
    judged = guard.judge(Question(row.text, row.source))
    return any(
        guard.policy.action_on(d, row.source) is not Action.ALLOW
        for d in judged.detections
        if d.kind.startswith(ATTACKS)
    )


def _numbered(guard: Guard, row: Row) -> bool:
    return any(d.kind.startswith(NUMBERS) for d in guard.judge(Question(row.text)).detections)


def _ours(judge: Callable[[Row], bool], first: Iterable[Row], then: Iterable[Row]) -> Answers:
    """Ours in the order of the peers, for so long; what is left is missing from each set alike."""
    _say("ours")
    answers, until = {}, time.monotonic() + OURS
    for row in in_order(first, then):
        if time.monotonic() > until:
            break
        started = time.process_time()
        flagged = judge(row)
        answers[row] = Answer(flagged, 1000 * (time.process_time() - started))
    return answers


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


def _flat(sets: Sets) -> list[Row]:
    return [row for part in sets.values() for row in part]


def _disguises() -> Iterable[Row]:
    for text in (*rows.attacks(), *rows.questions()):
        yield Row(text)
        yield from (Row(encode(text)) for encode in rows.encodings().values())


def _table(engines: Engines, sets: Sets) -> str:
    """One line an engine: percent flagged of each set."""
    sizes = [f"{name} ({len(part):,})" for name, part in sets.items()]
    lines = [f"| engine | {' | '.join(sizes)} |", "|---|" + "---:|" * len(sets)]
    for engine, answers in engines.items():
        cells = [_percent(answers, part) for part in sets.values()]
        lines.append(f"| {engine} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(answers: Answers, part: Collection[Row]) -> str:
    said = [answers[row] for row in part if row in answers]
    if not said:
        return "–"
    share = f"{100 * sum(bool(answer.flagged) for answer in said) / len(said):.1f}"
    return share if len(said) == len(part) else f"{share} (of {len(said)})"


def _disguised(engines: Engines) -> list[str]:
    """What each engine keeps of its catches in disguise, and what it then flags by mistake."""
    encodings = rows.encodings()
    lines = [
        "| engine | caught in plain | of these in disguise | disguises that keep 95 % | innocent |",
        "|---|---:|---:|---:|---:|",
    ]
    told = []
    for engine, answers in engines.items():
        plain = [text for text in rows.attacks() if _said(answers, Row(text))]
        kept = _shares(answers, plain)
        alarms = _shares(answers, rows.questions())
        enough = len(plain) >= FEWEST
        good = sum(share >= KEPT for share in kept.values())
        lines.append(
            f"| {engine} | {len(plain)} of {len(rows.attacks())} | "
            + (f"{_mean(kept)} | {good} of {len(kept)}" if enough else "– | –")
            + f" | {_mean(alarms)} |"
        )
        if engine == "strongroom" and enough:
            lost = _listed(kept, lambda share: share < KEPT)
            loud = _listed(alarms, lambda share: share > 0)
            told = [f"Ours keep less than 95 % in: {lost}. False alarms in: {loud}."]
    size = len(rows.attacks())
    intro = (
        f"The same in {len(encodings)} disguises: {size} public attacks, and as many banking "
        "questions; percent of all texts in all disguises:"
    )
    return [intro, "\n".join(lines), *told]


def _said(answers: Answers, row: Row) -> bool:
    return row in answers and bool(answers[row].flagged)


def _shares(answers: Answers, texts: Collection[str]) -> dict[str, float]:
    """By disguise, 0..1 of the texts that were answered in it; without those that none was."""
    shares = {}
    for name, encode in rows.encodings().items():
        said = [answers[row] for text in texts if (row := Row(encode(text))) in answers]
        if said:
            shares[name] = sum(bool(answer.flagged) for answer in said) / len(said)
    return shares


def _mean(shares: Mapping[str, float]) -> str:
    return f"{100 * sum(shares.values()) / len(shares):.1f} %" if shares else "–"


def _listed(shares: Mapping[str, float], wanted: Callable[[float], bool]) -> str:
    worst = sorted((share, name) for name, share in shares.items() if wanted(share))
    return ", ".join(f"{name} {100 * share:.0f} %" for share, name in worst) or "none"


def _times(engines: Engines) -> str:
    sets = rows.timed()
    lines = [f"| engine | {' | '.join(sets)} |", "|---|" + "---:|" * len(sets)]
    for engine, answers in engines.items():
        cells = [_spread([answers[r].ms for r in part if r in answers]) for part in sets.values()]
        lines.append(f"| {engine} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(taken: list[float]) -> str:
    """p50 / p99; the first is left out, as it loads what is loaded once."""
    rest = sorted(taken[1:])
    return f"{median(rest):.2f} / {rest[int(len(rest) * 0.99)]:.2f}" if rest else "–"


def _stages() -> str:
    texts = {
        "1 KB prose": [row.text for row in rows.timed()["1 KB"]],
        "1 KB payment": [f"{n}. {rows.PAYMENT * 9}"[:1024] for n in range(100)],
        "1 KB mixed": [rows.mixed(1024, seed) for seed in range(100)],
        "32 KB mixed": [rows.mixed(32_768, seed) for seed in range(8)],
    }
    lines = ["| stage | " + " | ".join(texts) + " |", "|---|" + "---:|" * len(texts)]
    for name, act in _steps().items():
        cells = [_spread(list(_taken(act, part))) for part in texts.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _steps() -> dict[str, Callable[[str], object]]:
    patterns, *whole = guards().values()
    steps: dict[str, Callable[[str], object]] = {
        "normalise": readings_of,
        "and injection patterns": partial(_first, patterns),
        "and all other patterns": partial(_judge, patterns),
    }
    if whole:
        steps["and the trained detector"] = partial(_judge, whole[0])
    return steps


def _first(guard: Guard, text: str) -> object:
    return here(Inspect(guard.detectors[0], Message(Source.USER, text, views_of(text))))


def _judge(guard: Guard, text: str) -> object:
    return guard.judge(Question(text))


def _taken(act: Callable[[str], object], texts: Iterable[str]) -> Iterator[float]:
    """CPU milliseconds of each text, until time is up; of three at least."""
    until = time.monotonic() + CELL
    for count, text in enumerate(texts):
        if count > 2 and time.monotonic() > until:
            return
        started = time.thread_time_ns()
        act(text)
        yield (time.thread_time_ns() - started) / 1e6
