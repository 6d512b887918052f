"""Nets under differential privacy: DP-SGD with Poisson sampling, by Opacus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.dp.bounds import Bounds, Floats
from strongroom.assess.dp.mechanisms import Use
from strongroom.domain.canonical import canonical
from strongroom.domain.errors import MissingExtra

if TYPE_CHECKING:
    from strongroom.assess.dp.training import Plan

try:
    import torch
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer
except ModuleNotFoundError as error:
    raise MissingExtra("torch", "training nets privately") from error

from strongroom.assess.families.torch import save_net
from strongroom.assess.nets.net import TabularNet, as_rows
from strongroom.assess.nets.training import perceptron, seeded

SUFFIX: Final = ".safetensors"


def train(
    plan: Plan,
    use: Use,
    bounds: Bounds,
    x: Floats,
    y: NDArray[np.int64],
    rng: np.random.Generator,
) -> bytes:
    """A described net, as safetensors; the bounds are its `mean` and `scale`."""
    description = perceptron(x.shape[1], *plan.hidden)
    sampling = use.parameters["sampling"]
    with seeded(int(rng.integers(2**63))):
        net = TabularNet(description)
        rows = as_rows(bounds.scaled(x))
        labels = torch.from_numpy(y.astype(np.float32))
        private = GradSampleModule(net)
        optimiser = DPOptimizer(
            torch.optim.Adam(private.parameters(), lr=plan.rate),
            noise_multiplier=use.parameters["noise_multiplier"],
            max_grad_norm=plan.clip,
            expected_batch_size=max(1, round(sampling * len(rows))),
        )
        loss = torch.nn.BCEWithLogitsLoss()
        for _ in range(use.times):
            drawn = torch.rand(len(rows)) < sampling
            optimiser.zero_grad()
            # Opacus' hooks warn where no input has a gradient; these are not read.
            some = rows[drawn].requires_grad_()
            loss(private(some), labels[drawn]).backward()
            optimiser.step()
        net.mean.copy_(torch.from_numpy(bounds.middle))
        net.scale.copy_(torch.from_numpy(bounds.half))
    told = canonical(description.model_dump(exclude_unset=True)).decode()
    return save_net(net, told)
