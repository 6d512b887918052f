"""What the guard and its peers are asked: public sets, disguises, numbers, texts to time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

from strongroom.guard.records import Source

ENCODINGS = Path(__file__).parents[1] / "tests/guard/encodings.py"
BENCH = Path(__file__).parents[1].parent / "shared" / "data" / "firewall" / "bench"
MOST = 1_000
"""Rows of a set at most, drawn by seed."""
DISGUISED = 40
"""Attacks, and as many banking questions, that go through each disguise."""
PROSE = (
    "I was wondering whether you could help me understand how the new savings account works, "
    "when interest is paid out, and what happens if I close it before the year is over. "
)
PAYMENT = (
    "Your payment of EUR 1,250.00 to Muster AG was executed on 2026-03-01 with reference "
    "RF18 5390 0754 7034. Please find the statement of account attached. "
)
PARTS = (
    PROSE,
    PAYMENT,
    "Überweisung für Zoë, ça va? Спасибо за платёж. 谢谢您的付款。 شكرا على الدفع. 😀👍🏽 ",
    "SSBsb3N0IG15IGNhcmQgeWVzdGVyZGF5LCBwbGVhc2UgaGVscA== ",
    "def f(x):\n    return {'a': x[0] != 3 and y < 2}  # \\n \\x41\n",
    "<p style='color:red'>Invoice &amp; receipt %20 %C3%A9</p> ",
    "ref 0x4711abcdef012345 2026-03-01T10:11:12Z | a1b2c3d4 ",
)


class Row(NamedTuple):
    """A text, and whether it is data that may give no orders."""

    text: str
    data: bool = False

    @property
    def source(self) -> Source:
        return Source.CONTEXT if self.data else Source.USER


Sets = Mapping[str, Sequence[Row]]


def _read(name: str) -> list[dict[str, object]]:
    with (BENCH / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _texts(name: str) -> list[str]:
    return [str(row["text"]) for row in _read(name)]


def placed(context: str, attack: str) -> str:
    """An attack in the middle of its context, at the end of a line if there is one."""
    at = context.find("\n", len(context) // 2)
    at = len(context) if at < 0 else at
    return f"{context[:at]}\n{attack}{context[at:]}"


def quality() -> Sets:
    """Public sets; those with innocent texts first, then attacks."""
    deepset, attacks = _read("deepset_test"), _read("bipia_attack_test")
    contexts = {kind: _texts(f"bipia_context_{kind}_test") for kind in ("email", "code", "table")}
    within = [
        placed(contexts[kind][i % len(contexts[kind])], str(a["text"]))
        for i, a in enumerate(attacks)
        for kind in (("code",) if a.get("kind") == "code" else ("email", "table"))
    ]
    sets = {
        "NotInject": [Row(text) for text in _texts("notinject")],
        "banking77": [Row(text) for text in _texts("banking77_test")],
        "deepset, benign": [Row(str(r["text"])) for r in deepset if not r["label"]],
        "BIPIA contexts": [Row(text, data=True) for texts in contexts.values() for text in texts],
        "deepset": [Row(str(r["text"])) for r in deepset if r["label"]],
        "BIPIA bare": [Row(str(a["text"]), data=True) for a in attacks],
        "BIPIA in context": [Row(text, data=True) for text in within],
    }
    rng = random.Random(5)
    return {
        name: rows if len(rows) <= MOST else rng.sample(rows, MOST) for name, rows in sets.items()
    }


INNOCENT = ("NotInject", "banking77", "deepset, benign", "BIPIA contexts")


def encodings() -> dict[str, Callable[[str], str]]:
    """The tests' disguises, read from their file: `tests` is the name of other packages too."""
    spec = spec_from_file_location("guard_encodings", ENCODINGS)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{ENCODINGS} is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.ENCODINGS)


def attacks() -> list[str]:
    """Public attacks short and plain enough for every disguise."""
    texts = [str(row["text"]) for row in _read("deepset_test") if row["label"]]
    texts += _texts("bipia_attack_test")
    usable = sorted({text for text in texts if text.isascii() and len(text) < 300})
    return random.Random(5).sample(usable, min(DISGUISED, len(usable)))


def questions() -> list[str]:
    """Innocent banking questions, as many."""
    usable = [text for text in _texts("banking77_test") if text.isascii()]
    return random.Random(6).sample(usable, DISGUISED)


def mixed(size: int, seed: int) -> str:
    """Prose, payments, other scripts, markup, code, encoded and long numbers, in any order."""
    rng = random.Random(seed)
    out = ""
    while len(out) < size:
        out += rng.choice(PARTS)
    return out[:size]


def timed() -> Sets:
    """Texts to time by size, each a little different: an engine may remember what it saw."""
    sizes = {"66 B": (66, 100), "1 KB": (1024, 100), "32 KB": (32_768, 10)}
    return {
        name: [Row(f"{n}. {PROSE * 200}"[:size]) for n in range(count)]
        for name, (size, count) in sizes.items()
    }


def numbers(seed: int = 5) -> Sets:
    """Sentences with card numbers, with IBANs, and with other long numbers."""
    rng = random.Random(seed)
    made = {
        "cards": [_said(rng, _card(rng)) for _ in range(300)],
        "IBANs": [_said(rng, _iban(rng)) for _ in range(300)],
        "other numbers": [_said(rng, rng.choice(OTHERS)(rng)) for _ in range(600)],
    }
    return {name: [Row(text) for text in texts] for name, texts in made.items()}


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
OTHERS: Sequence[Callable[[random.Random], str]] = (
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
