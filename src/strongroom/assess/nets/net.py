"""The PyTorch module of a described net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.nets.description import Layer, NetDescription
from strongroom.assess.nets.slopes import Slopes
from strongroom.domain.errors import InputError, MissingExtra

try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    raise MissingExtra("torch", "a PyTorch net") from error

Floats = NDArray[np.float64]

_ACTIVATIONS: Final = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
_COUNTER: Final = "num_batches_tracked"
"""Of batch norms: counts training steps, and does nothing when scoring."""


class TabularNet(nn.Module):  # type: ignore[misc]  # torch is not typed here
    """Tensors are named `embeddings.0.weight`, `layers.0.weight`, `layers.0.bias`, `mean` …"""

    def __init__(self, description: NetDescription) -> None:
        super().__init__()
        self.description = description
        numbers = description.numbers
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.register_buffer("scale", torch.ones(len(numbers)))
        self.embeddings = nn.ModuleList(
            nn.Embedding(one.levels, one.width) for one in description.embeddings
        )
        self.layers = nn.Sequential(*_layers(description))

    def forward(self, rows: Any) -> Any:
        """Log odds of class 1, (n,), for rows (n, features)."""
        return self.head(self.numbers(rows), self.vectors(rows))

    def numbers(self, rows: Any) -> Any:
        """(n, numbers), standardised; 0, the mean, where one is missing."""
        known = (rows[:, self.description.numbers] - self.mean) / self.scale
        return torch.nan_to_num(known, nan=0.0)

    def vectors(self, rows: Any) -> list[Any]:
        """(n, width) for each embedding."""
        return [
            embed(_places(rows[:, one.column], one.levels, one.missing, one.column))
            for one, embed in zip(self.description.embeddings, self.embeddings, strict=True)
        ]

    def head(self, numbers: Any, vectors: list[Any]) -> Any:
        """Log odds of what the columns were turned into."""
        return self.layers(torch.cat([numbers, *vectors], dim=1))[:, 0]


def _layers(description: NetDescription) -> list[Any]:
    made, width = [], description.width
    for layer in description.layers:
        made.append(_layer(layer, width))
        width = layer.linear or width
    return made


def _layer(layer: Layer, width: int) -> Any:
    if layer.linear is not None:
        return nn.Linear(width, layer.linear)
    if layer.activation is not None:
        return _ACTIVATIONS[layer.activation]()
    if layer.norm is not None:
        return nn.BatchNorm1d(width) if layer.norm == "batch" else nn.LayerNorm(width)
    return nn.Dropout(layer.dropout)


def _places(column: Any, levels: int, missing: int | None, number: int) -> Any:
    unknown = ~((column >= 0) & (column < levels) & (column == column.floor()))
    if missing is None and bool(unknown.any()):
        raise InputError(
            f"column {number} holds a value that is no level from 0 to {levels - 1}",
            fix="give the embedding a `missing` level, or mend the data",
        )
    return torch.where(unknown, torch.full_like(column, missing or 0), column).long()


def load_net(description: NetDescription, tensors: Mapping[str, NDArray[Any]], where: str) -> Any:
    """A net with these weights, ready to score. Raises InputError unless every tensor fits."""
    net = TabularNet(description)
    wanted = {k: v for k, v in net.state_dict().items() if not k.endswith(_COUNTER)}
    given = {k: v for k, v in tensors.items() if not k.endswith(_COUNTER)}
    if odd := sorted(set(wanted) ^ set(given)):
        what = "is missing" if odd[0] in wanted else "is not part of the described net"
        raise InputError(f"the tensor {odd[0][:80]!r} {what}", where=where)
    for name, tensor in given.items():
        if tuple(wanted[name].shape) != tensor.shape or tensor.dtype.kind != "f":
            raise InputError(
                f"{name} is {tensor.dtype} of shape {tensor.shape}, the description makes it "
                f"floats of {tuple(wanted[name].shape)}",
                where=where,
            )
        if not np.isfinite(tensor).all() or (name == "scale" and not (tensor > 0).all()):
            raise InputError(f"{name} holds values that are no weights", where=where)
    net.load_state_dict(
        {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in given.items()},
        strict=False,  # the counters of batch norms
    )
    return net.eval()


def tensors_of(net: Any) -> dict[str, NDArray[Any]]:
    """What `load_net` reads."""
    state = net.state_dict().items()
    return {name: t.detach().cpu().numpy() for name, t in state if not name.endswith(_COUNTER)}


def as_rows(rows: Floats) -> Any:
    """What a net reads, as a tensor of its own."""
    return torch.from_numpy(np.array(rows, dtype=np.float32))


def probabilities(net: Any, rows: Floats) -> Floats:
    """Of class 1, (n,)."""
    with torch.no_grad():
        made: Floats = torch.sigmoid(net(as_rows(rows))).numpy().astype(np.float64)
    return made


def slopes(net: Any, rows: Floats) -> Slopes:
    """First-order changes of the log odds for rows (n, features), by one backward pass."""
    tensor = as_rows(rows)
    numbers = net.numbers(tensor).detach().requires_grad_()
    vectors = [vector.detach().requires_grad_() for vector in net.vectors(tensor)]
    # Rows do not see each other in a net that scores, so the sum's gradient is each row's own.
    grads = torch.autograd.grad(net.head(numbers, vectors).sum(), [numbers, *vectors])
    by_number = np.zeros(rows.shape)
    by_number[:, net.description.numbers] = (grads[0] / net.scale).numpy()
    by_level = {}
    for one, embed, vector, grad in zip(
        net.description.embeddings, net.embeddings, vectors, grads[1:], strict=True
    ):
        here = (grad * vector.detach()).sum(dim=1, keepdim=True)
        told = grad @ embed.weight.detach().T - here
        by_level[one.column] = told.numpy().astype(np.float64)
    return Slopes(by_number, by_level)
