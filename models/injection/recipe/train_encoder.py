"""Fine-tunes MiniLM on examples (JSON lines) with two questions, resumable; then export_encoder.py.

Runs in an environment of its own (requirements.txt beside it): the product never imports torch.
Usage: train_encoder.py EXAMPLES.jsonl FOLDER [--steps N] [--minutes M]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import torch
from encoder import Judge, base_folder, encode
from torch.nn.functional import binary_cross_entropy_with_logits

SEED = 7
TOKENS = 1024  # in a batch
LONGEST = 72  # tokens of a training text
CAP = 450  # texts of one origin, so that no corpus drowns the others
CAPS = {
    "&": 2600,
    "slabs_train": 8000,
    "neuralchemy_train": 2500,
    "salted": 2500,
    "clinc150_train": 1000,
    "chat.turn": 1200,
    "python_docstrings": 900,
    "terse": 700,
    "sabotage": 700,
    "data.manipulate": 700,
    "banking77_train": 700,
    "bipia_context_table_train": 500,
    "gpteacher_roleplay": 700,
    "awesome_chatgpt_prompts_2026-03-18": 400,
    "yanis_half_train": 600,
    "deepset_train": 600,
    "multijail": 500,
    "cse_frr_en": 200,
    "cse_frr_multilingual": 250,
    "gpteacher_toolformer": 300,
}
DOCUMENTS = 450  # of each kind of document, with and without an order in it
REPEATS = {"deepset_train": 2, "bipia_attack_train": 3}
MASKED = 0.12  # share of tokens hidden in every second batch: wording must not be learnt by heart
MASK_ID = 103
RATE = 1.2e-4
HEAD_RATE = 1e-3
WARM = 0.05
FROZEN = ("embeddings", "layer.0.", "layer.1.")  # also a quarter of the work


def chosen(path: Path) -> list[dict]:
    """A balanced sample of the examples, the same for the same file."""
    groups = defaultdict(list)
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        if (row["user"], row["data"]) != (None, None):
            origin = row["origin"]
            groups["&" if "&" in origin else origin.split("+")[0].rstrip("~")].append(row)
    rng = random.Random(SEED)  # noqa: S311
    rows = []
    for origin, members in sorted(groups.items()):
        cap = CAPS.get(origin, DOCUMENTS if origin.startswith("doc.") else CAP)
        kept = rng.sample(members, min(cap, len(members)))
        rows += kept * REPEATS.get(origin, 1)
    rng.shuffle(rows)
    return rows


def batches(rows: list[dict], epoch: int):
    """Texts of like length together, so many tokens at a time, in random order."""
    rng = random.Random(SEED + epoch)  # noqa: S311
    order = sorted(range(len(rows)), key=lambda at: (len(rows[at]["tokens"]), rng.random()))
    found, batch, longest = [], [], 0
    for at in order:
        longest = max(longest, len(rows[at]["tokens"]))
        if batch and longest * (len(batch) + 1) > TOKENS:
            found.append(batch)
            batch, longest = [], len(rows[at]["tokens"])
        batch.append(rows[at])
    found.append(batch)
    rng.shuffle(found)
    return found


def loss_of(model: Judge, batch: list[dict], *, masked: bool) -> torch.Tensor:
    """Cross entropy over the questions that each text has an answer to."""
    longest = max(len(row["tokens"]) for row in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(batch):
        ids[at, : len(row["tokens"])] = torch.tensor(row["tokens"])
        mask[at, : len(row["tokens"])] = 1
    answers = torch.tensor([[row["user"] or 0, row["data"] or 0] for row in batch]).float()
    asked = torch.tensor([[row["user"] is not None, row["data"] is not None] for row in batch])
    if masked:
        ids[(torch.rand(ids.shape) < MASKED) & (ids > MASK_ID)] = MASK_ID
    logits = model(ids, mask)
    loss = binary_cross_entropy_with_logits(logits, answers * 0.97 + 0.015, reduction="none")
    return (loss * asked).sum() / asked.sum().clamp(min=1)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("examples", type=Path)
    args.add_argument("folder", type=Path)
    args.add_argument("--steps", type=int, default=6000)
    args.add_argument("--minutes", type=float, default=600.0)
    args.add_argument("--threads", type=int, default=2)
    return args.parse_args()


def made() -> tuple[Judge, torch.optim.AdamW]:
    """The model with its lower part frozen, and an optimizer for the rest."""
    model = Judge(base_folder())
    for name, weight in model.named_parameters():
        weight.requires_grad = not any(part in name for part in FROZEN)
    body = [w for n, w in model.named_parameters() if w.requires_grad and not n.startswith("head")]
    groups = [{"params": body, "lr": RATE}, {"params": model.head.parameters(), "lr": HEAD_RATE}]
    return model, torch.optim.AdamW(groups, weight_decay=0.01, fused=True)


def keep(path: Path, model: Judge, optimizer: torch.optim.AdamW, **counts: float) -> None:
    """Save a checkpoint, whole or not at all."""
    part = path.with_suffix(".part")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), **counts}
    torch.save(state, part)
    part.replace(path)


def main() -> None:
    """Train, saving a checkpoint every 50 steps; continue from the last one when there is one."""
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    rows = chosen(given.examples)
    for row, tokens in zip(rows, encode([row["text"] for row in rows], LONGEST), strict=True):
        row["tokens"] = tokens
    model, optimizer = made()
    saved, step, before = given.folder / "checkpoint.pt", 0, 0.0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, before = state["step"], state["spent"]
    began, total = time.monotonic(), 0.0
    epochs: dict[int, list[list[dict]]] = {}
    size = len(batches(rows, 0))
    while step < given.steps:
        spent = before + time.monotonic() - began
        done = max(step / given.steps, spent / 60 / given.minutes)
        if done >= 1:
            break
        epoch, at = divmod(step, size)
        if epoch not in epochs:
            epochs = {epoch: batches(rows, epoch)}
        scale = min(1.0, step / (WARM * given.steps)) * (1 - done)
        for group, rate in zip(optimizer.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * scale
        model.train()
        loss = loss_of(model, epochs[epoch][at], masked=step % 2 == 0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        total = 0.95 * total + 0.05 * loss.item() if total else loss.item()
        if step % 50 == 0:
            keep(saved, model, optimizer, step=step, spent=spent)
            print(f"step {step} loss {total:.4f} {spent:.0f} s", flush=True)  # noqa: T201
    torch.save(model.state_dict(), given.folder / "model.pt")


if __name__ == "__main__":
    main()
