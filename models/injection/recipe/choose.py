"""Chooses what the encoder is trained on: a balanced sample, of which the easy is mostly left out.

Usage: choose.py EXAMPLES.jsonl CHOSEN.jsonl [--model FOLDER]: with an earlier model, two in three
of the texts that it is sure of are dropped. The budget is small; it goes where there is to learn.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from encoder import encode

SEED = 7
LONGEST = 112  # tokens of a training text
CAP = 450  # texts of one origin, so that no corpus drowns the others
CAPS = {
    "&": 3000,
    "slabs_train": 9000,
    "neuralchemy_train": 3200,
    "salted": 3000,
    "clinc150_train": 1000,
    "chat.turn": 1200,
    "python_docstrings": 1200,
    "terse": 700,
    "sabotage": 700,
    "data.manipulate": 900,
    "banking77_train": 700,
    "bipia_context_table_train": 500,
    "bipia_context_table_train+": 900,
    "yanis_half_train": 600,
    "deepset_train": 700,
    "multijail": 500,
    "cse_frr_en": 200,
    "cse_frr_multilingual": 250,
    "gpteacher_toolformer": 300,
}
CARRIED = 250  # of each kind of document, with an order in it
REPEATS = {"deepset_train": 3, "bipia_attack_train": 4, "yanis_half_train": 2}
SURE = 3.0  # logits on the right side
BATCH = 2048  # tokens


def kind_of(origin: str) -> str:
    """The corpus or family; documents that carry an order apart, pairs together."""
    if "&" in origin:
        return "&"
    base, plus, _ = origin.partition("+")
    base = base.rstrip("~")
    return base + plus if plus and base != "salted" else base


def balanced(path: Path) -> list[dict]:
    """A balanced sample of the examples, the same for the same file."""
    groups = defaultdict(list)
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        if (row["user"], row["data"]) != (None, None):
            groups[kind_of(row["origin"])].append(row)
    rng = random.Random(SEED)  # noqa: S311
    rows = []
    for kind, members in sorted(groups.items()):
        cap = CAPS.get(kind, CARRIED if kind.endswith("+") else CAP)
        rows += rng.sample(members, min(cap, len(members)))
    for row, tokens in zip(rows, encode([row["text"] for row in rows], LONGEST), strict=True):
        row["tokens"] = tokens
    return rows


def margins(rows: list[dict], folder: Path) -> list[float]:
    """Logits on the right side, the worse of both questions, by the encoder in a folder."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "encoder.onnx"), options)
    found = [0.0] * len(rows)
    for batch in batched(rows):
        longest = max(len(rows[at]["tokens"]) for at in batch)
        ids = np.zeros((len(batch), longest), np.int64)
        for line, at in zip(ids, batch, strict=True):
            line[: len(rows[at]["tokens"])] = rows[at]["tokens"]
        logits = session.run(None, {"ids": ids, "mask": (ids > 0).astype(np.int64)})[0]
        for pair, at in zip(logits, batch, strict=True):
            asked = zip(pair, (rows[at]["user"], rows[at]["data"]), strict=True)
            found[at] = min(float(z if right else -z) for z, right in asked if right is not None)
    return found


def batched(rows: list[dict]) -> Iterator[list[int]]:
    """Texts of like length together: their numbers."""
    order = sorted(range(len(rows)), key=lambda at: -len(rows[at]["tokens"]))
    while order:
        size = min(64, BATCH // len(rows[order[0]]["tokens"]))
        yield order[:size]
        order = order[size:]


def hard(rows: list[dict], folder: Path, rng: random.Random) -> list[dict]:
    """All that the earlier model is unsure of or gets wrong, and a third of the rest."""
    halves = rows[::2], rows[1::2]
    with ProcessPoolExecutor(len(halves)) as pool:
        found = list(pool.map(partial(margins, folder=folder), halves))
    return [
        row
        for half, sure in zip(halves, found, strict=True)
        for row, margin in zip(half, sure, strict=True)
        if margin < SURE or rng.random() < 1 / 3
    ]


def choose(examples: Path, chosen: Path, earlier: Path | None = None) -> None:
    """Choose and write."""
    rows = balanced(examples)
    rng = random.Random(SEED)  # noqa: S311
    rng.shuffle(rows)
    if earlier:
        rows = hard(rows, earlier, rng)
    rows = [row for row in rows for _ in range(REPEATS.get(kind_of(row["origin"]), 1))]
    rng.shuffle(rows)
    kept = [{key: row[key] for key in ("tokens", "user", "data", "origin")} for row in rows]
    chosen.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
    tokens = sum(len(row["tokens"]) for row in kept)
    print(json.dumps({"texts": len(kept), "tokens": tokens}))  # noqa: T201


def main() -> None:
    """Read the command line."""
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("examples", type=Path)
    args.add_argument("chosen", type=Path)
    args.add_argument("--model", type=Path, help="folder of an earlier encoder.onnx")
    given = args.parse_args()
    choose(given.examples, given.chosen, given.model)


if __name__ == "__main__":
    main()
