"""Fine-tunes MiniLM with two questions, resumable; then export_encoder.py.

Runs in an environment of its own (requirements.txt beside it): the product never imports torch.
Usage: train_encoder.py EXAMPLES.jsonl FOLDER [--start MODEL.pt] [--steps N] [--minutes M]
It learns from FOLDER/chosen.jsonl, which choose.py makes of the examples where it is not there.

Workers are processes of one thread that average their gradients: on a busy machine threads would
wait for each other at every matrix, processes only once a step.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import torch
from choose import choose
from encoder import Judge, base_folder
from torch import distributed
from torch.nn.functional import binary_cross_entropy_with_logits

SEED = 7
CHOSEN = "chosen.jsonl"
TOKENS = 1024  # in a batch of one worker
MASKED = 0.08  # share of tokens hidden in every second batch: wording must not be learnt by heart
MASK_ID = 103
RATE = 1.2e-4
HEAD_RATE = 1e-3
WARM = 40  # steps
FROZEN = ("embeddings", "layer.0.", "layer.1.")  # also a quarter of the work


def batches(rows: list[dict], epoch: int) -> list[list[dict]]:
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
    args.add_argument("--start", type=Path, help="weights of an earlier run, instead of the base's")
    args.add_argument("--steps", type=int, default=5000)
    args.add_argument("--minutes", type=float, default=600.0)
    args.add_argument("--workers", type=int, default=2)
    return args.parse_args()


def made(start: Path | None) -> tuple[Judge, torch.optim.AdamW]:
    """The model with its lower part frozen, and an optimizer for the rest."""
    model = Judge(base_folder())
    if start:
        model.load_state_dict(torch.load(start, weights_only=True))
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


def average(model: Judge, workers: int) -> None:
    """The mean of the workers' gradients, in place."""
    grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads])
    distributed.all_reduce(flat)
    flat /= workers
    at = 0
    for grad in grads:
        grad.copy_(flat[at : at + grad.numel()].view_as(grad))
        at += grad.numel()


def agreed(done: float) -> float:
    """The first worker's clock, so that all stop together."""
    told = torch.tensor([done])
    distributed.broadcast(told, 0)
    return float(told)


def work(rank: int, given: argparse.Namespace) -> None:
    """One worker: train, the first saving a checkpoint every 50 steps; continue from the last."""
    torch.set_num_threads(1)
    meeting = f"file://{given.folder.resolve()}/meeting"
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=given.workers)
    torch.manual_seed(SEED + rank)
    rows = [json.loads(line) for line in (given.folder / CHOSEN).open(encoding="utf-8")]
    model, optimizer = made(given.start)
    saved, step, before = given.folder / "checkpoint.pt", 0, 0.0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, before = state["step"], state["spent"]
    began, total = time.monotonic(), 0.0
    epochs: dict[int, list[list[dict]]] = {}
    size = len(batches(rows, 0)) // given.workers
    model.train()
    while True:
        spent = before + time.monotonic() - began
        done = agreed(max(step / given.steps, spent / 60 / given.minutes))
        if done >= 1:
            break
        epoch, at = divmod(step, size)
        if epoch not in epochs:
            epochs = {epoch: batches(rows, epoch)}
        for group, rate in zip(optimizer.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / WARM) * (1 - done)
        batch = epochs[epoch][at * given.workers + rank]
        loss = loss_of(model, batch, masked=step % 2 == 0)
        loss.backward()
        average(model, given.workers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        total = 0.95 * total + 0.05 * loss.item() if total else loss.item()
        if step % 50 == 0 and rank == 0:
            keep(saved, model, optimizer, step=step, spent=spent)
            print(f"step {step} of {size} loss {total:.4f} {spent:.0f} s", flush=True)  # noqa: T201
    if rank == 0:
        torch.save(model.state_dict(), given.folder / "model.pt")
    distributed.destroy_process_group()


def main() -> None:
    """Start the workers and wait for them."""
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "meeting").unlink(missing_ok=True)
    if not (given.folder / CHOSEN).exists():
        choose(given.examples, given.folder / CHOSEN)
    torch.multiprocessing.spawn(work, (given,), given.workers)


if __name__ == "__main__":
    main()
