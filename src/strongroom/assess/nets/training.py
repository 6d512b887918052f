"""Trains a described net, the same way each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from strongroom.assess.nets.description import NetDescription, describe
from strongroom.assess.nets.net import TabularNet, as_rows

_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Schooling:
    """How long and how fast a net learns."""

    epochs: int = 20
    rate: float = 2e-3
    """Of Adam."""
    batch: int = 256
    """Rows of one step."""
    decay: float = 1e-4
    """Of weights, decoupled (AdamW)."""


def perceptron(features: int, *hidden: int) -> NetDescription:
    """A plain net of numbers only: `hidden` widths with ReLU between them."""
    layers: list[dict[str, Any]] = []
    for width in hidden:
        layers += [{"linear": width}, {"activation": "relu"}]
    raw = {"strongroom_net": 1, "features": features, "layers": [*layers, {"linear": 1}]}
    return describe(raw, "perceptron")


@contextmanager
def seeded(seed: int, threads: int = 1) -> Iterator[None]:
    """PyTorch's own random numbers from `seed` inside, as they were outside."""
    torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def standardise(net: Any, x: NDArray[Any]) -> None:
    """Let the net subtract and divide by what these rows (n, features) say."""
    numbers = np.asarray(x, dtype=np.float64)[:, net.description.numbers]
    known = np.isfinite(numbers)
    count = np.maximum(known.sum(axis=0), 1)
    clean = np.where(known, numbers, 0.0)
    mean = clean.sum(axis=0) / count
    spread = np.sqrt((np.where(known, numbers - mean, 0.0) ** 2).sum(axis=0) / count)
    net.mean.copy_(torch.from_numpy(mean))
    net.scale.copy_(torch.from_numpy(np.where(spread > _TINY, spread, 1.0)))


def train(
    description: NetDescription,
    x: NDArray[Any],
    y: NDArray[Any],
    seed: int,
    schooling: Schooling = Schooling(),  # frozen
    *,
    threads: int = 1,
) -> Any:
    """A net trained on rows (n, features) and labels (n,) of 0 and 1, ready to score."""
    with seeded(seed, threads):
        net = TabularNet(description)
        standardise(net, x)
        rows, labels = as_rows(x), torch.from_numpy(np.array(y, dtype=np.float32))
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=schooling.rate, weight_decay=schooling.decay
        )
        loss = torch.nn.BCEWithLogitsLoss()
        net.train()
        for _ in range(schooling.epochs):
            for batch in torch.randperm(len(rows)).split(schooling.batch):
                if len(batch) == 1:
                    continue  # a batch norm cannot learn from one row
                optimiser.zero_grad()
                loss(net(rows[batch]), labels[batch]).backward()
                optimiser.step()
    return net.eval()
