"""The guard: what it sees and what it costs; `run()` gives Markdown.

Detection counts a text as caught when the policy's action is not "allow" because of an injection or
jailbreak, at the balanced level, with the same thresholds for every set. The sets lie beside the
repository and are left out where absent; nothing was tuned on them.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median

from bench import _guard_peers as peers
from strongroom.guard.detectors.catalog import OWN, roster
from strongroom.guard.drivers import Guard, here
from strongroom.guard.engine import Inspect, Question
from strongroom.guard.normalise import readings_of, views_of
from strongroom.guard.policy import ModelUse, default_policy
from strongroom.guard.records import Action, Message, Source

ENCODINGS = Path(__file__).parents[1] / "tests/guard/encodings.py"
BENCH = Path(__file__).parents[1].parent / "shared" / "data" / "firewall" / "bench"
ATTACKS = ("injection", "jailbreak")
ROUNDS = 200
PROSE = (
    "I was wondering whether you could help me understand how the new savings account works, "
    "when interest is paid out, and what happens if I close it before the year is over. "
)
PAYMENT = (
    "Your payment of EUR 1,250.00 to Muster AG was executed on 2026-03-01 with reference "
    "RF18 5390 0754 7034. Please find the statement of account attached. "
)


def rows(name: str) -> list[dict[str, object]]:
    with (BENCH / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def texts(name: str) -> list[str]:
    return [str(row["text"]) for row in rows(name)]


def guard(model: ModelUse) -> Guard:
    return Guard(default_policy(), roster(model).detectors, lambda: datetime.now(UTC).date())


def caught(one: Guard, text: str, source: Source) -> bool:
    judged = one.judge(Question(text, source))
    return any(
        one.policy.action_on(d, source) is not Action.ALLOW
        for d in judged.detections
        if d.kind.startswith(ATTACKS)
    )


def share(one: Guard, texts: Iterable[str], source: Source) -> tuple[int, int]:
    found = [caught(one, text, source) for text in texts]
    return sum(found), len(found)


def percent(hits: int, total: int) -> str:
    return f"{100 * hits / total:.1f} % of {total}" if total else "–"


def placed(context: str, attack: str) -> str:
    """An attack in the middle of its context, at the end of a line if there is one."""
    at = context.find("\n", len(context) // 2)
    at = len(context) if at < 0 else at
    return f"{context[:at]}\n{attack}{context[at:]}"


def sets() -> dict[str, tuple[list[str], Source]]:
    """Name to texts and source."""
    deepset, attacks = rows("deepset_test"), rows("bipia_attack_test")
    contexts = {kind: rows(f"bipia_context_{kind}_test") for kind in ("email", "code", "table")}
    clean = [str(r["text"]) for kind in contexts.values() for r in kind]
    within = [
        placed(str(contexts[kind][i % len(contexts[kind])]["text"]), str(a["text"]))
        for i, a in enumerate(attacks)
        for kind in (("code",) if a.get("kind") == "code" else ("email", "table"))
    ]
    benign = [str(r["text"]) for r in deepset if not r["label"]]
    malign = [str(r["text"]) for r in deepset if r["label"]]
    return {
        "NotInject (false alarms)": (texts("notinject"), Source.USER),
        "banking77 (false alarms)": (texts("banking77_test"), Source.USER),
        "deepset, benign (false alarms)": (benign, Source.USER),
        "BIPIA clean contexts (false alarms)": (clean, Source.CONTEXT),
        "deepset (recall)": (malign, Source.USER),
        "BIPIA bare (recall)": ([str(a["text"]) for a in attacks], Source.CONTEXT),
        "BIPIA in context (recall)": (within, Source.CONTEXT),
    }


def detection(guards: dict[str, Guard]) -> str:
    if not BENCH.is_dir():
        return "The public sets are not here; detection was not measured."
    lines = ["| set | " + " | ".join(guards) + " |", "|---|" + "---|" * len(guards)]
    for name, (said, source) in sets().items():
        cells = [percent(*share(one, said, source)) for one in guards.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def encodings() -> dict[str, Callable[[str], str]]:
    """The tests' disguises, read from their file: `tests` is the name of other packages too."""
    spec = spec_from_file_location("guard_encodings", ENCODINGS)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{ENCODINGS} is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.ENCODINGS)


def smuggled(one: Guard) -> str:
    """Of the public attacks caught in plain, the share that is caught in each disguise."""
    if not BENCH.is_dir():
        return ""
    attacks = [str(row["text"]) for row in rows("deepset_test") if row["label"]]
    attacks += texts("bipia_attack_test")
    plain = [
        text
        for text in attacks
        if text.isascii() and len(text) < 300 and caught(one, text, Source.USER)
    ]
    kept = {
        name: sum(caught(one, encode(text), Source.USER) for text in plain)
        for name, encode in encodings().items()
    }
    least = 0.95 * len(plain)
    lost = ", ".join(f"{name} {percent(n, len(plain))}" for name, n in kept.items() if n < least)
    benign = random.Random(5).sample(texts("banking77_test"), 200)
    alarms = {
        name: sum(caught(one, encode(text), Source.USER) for text in benign)
        for name, encode in encodings().items()
    }
    told = ", ".join(f"{name} {n}" for name, n in alarms.items() if n) or "none"
    return (
        f"Smuggling: {len(plain)} public attacks caught in plain, in {len(kept)} disguises. Below "
        f"95 % stay: {lost or 'none'}.\n\nFalse alarms on 200 banking questions in each disguise: "
        f"{told}."
    )


def micros(act: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """p50 and p99 of CPU time, in milliseconds."""
    act()
    taken = []
    for _ in range(rounds):
        started = time.thread_time_ns()
        act()
        taken.append((time.thread_time_ns() - started) / 1e6)
    return median(taken), sorted(taken)[int(len(taken) * 0.99)]


def latency(guards: dict[str, Guard]) -> str:
    texts = {"1 KB prose": PROSE * 6, "1 KB payment": PAYMENT * 7, "32 KB prose": PROSE * 190}
    lines = [
        "| stage | " + " | ".join(f"{t} p50 / p99 (ms)" for t in texts) + " |",
        "|---|---|---|---|",
    ]
    sizes = {"1 KB prose": 1024, "1 KB payment": 1024, "32 KB prose": 32_768}
    cut = {name: text[: sizes[name]] for name, text in texts.items()}

    def row(name: str, act: Callable[[str], object]) -> None:
        cells = []
        for label, text in cut.items():
            p50, p99 = micros(lambda text=text: act(text), 20 if label.startswith("32") else ROUNDS)
            cells.append(f"{p50:.2f} / {p99:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")

    row("normalise", readings_of)
    first = next(iter(guards.values())).detectors[0]
    row("normalise + injection patterns", lambda t: here(
        Inspect(first, Message(Source.USER, t, views_of(t)))
    ))  # fmt: skip
    for name, one in guards.items():
        row(f"all: {name}", lambda t, one=one: one.judge(Question(t)))
    return "\n".join(lines)


def beside_peers(one: Guard) -> str:
    """The same rows given to everybody."""
    if not BENCH.is_dir():
        return ""

    def ours(text: str, source: Source) -> peers.Answer:
        started = time.process_time()
        flagged = caught(one, text, source)
        return peers.Answer(flagged, 1000 * (time.process_time() - started))

    def numbers(text: str) -> peers.Answer:
        started = time.process_time()
        kinds = {found.kind for found in one.judge(Question(text)).detections}
        flagged = any(kind.startswith(("pii.pan", "pii.iban")) for kind in kinds)
        return peers.Answer(flagged, 1000 * (time.process_time() - started))

    return "\n\n".join(
        (
            (
                "Beside its offline peers at their defaults, the same rows (1,000 of a set at "
                "most), percent flagged, CPU time a text:"
            ),
            peers.table(peers.sampled(sets()), ours),
            "Card numbers, IBANs and other long numbers in sentences of ours, percent flagged:",
            peers.pii_table(numbers),
        )
    )


def run() -> str:
    guards = {"patterns and values": guard(ModelUse.OFF)}
    whole = roster(ModelUse.OPTIONAL)
    if len(whole.detectors) > len(OWN):
        guards["with the trained detector"] = guard(ModelUse.OPTIONAL)
    full = list(guards.values())[-1]
    return "\n\n".join(
        ("## Guard", "Balanced level, CPU time on one core.", latency(guards), detection(guards),
         smuggled(full), beside_peers(full))
    )  # fmt: skip
