"""PyTorch nets as safetensors: numbers in the file, the net's description in its metadata.

A pickled module, TorchScript and exported programs bring code, so none of them is opened; of other
architectures export ONNX.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from numpy.typing import NDArray

from strongroom.assess.models import Scorer
from strongroom.assess.nets.description import KEY, NetDescription, read_description
from strongroom.assess.nets.net import load_net, probabilities, slopes, tensors_of
from strongroom.assess.nets.training import Schooling, train
from strongroom.assess.nets.weights import read_weights, write_weights
from strongroom.assess.retrain import Recipe
from strongroom.domain.errors import InputError

_EPOCHS: Final = 20


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:  # noqa: ARG001
    """Open a file whose metadata describes its net."""
    weights = read_weights(data, where)
    told = weights.metadata.get(KEY)
    if told is None:
        raise InputError(
            f"a safetensors file without a net's description in its metadata, under {KEY}",
            where=where,
            fix=f"save it with metadata={{'{KEY}': text of net.yaml}}: see docs/attacks.md",
        )
    description = read_description(told.encode(), where)
    return wrap(load_net(description, weights.tensors, where))


def wrap(net: Any) -> Scorer:
    """The scorer of a net that is ready to score."""
    width = net.description.features
    return Scorer("torch", width, partial(probabilities, net), net, partial(slopes, net))


def save_net(net: Any, description: str) -> bytes:
    """A model file of a net; `description` is the YAML that describes it."""
    return write_weights(tensors_of(net), {KEY: description})


def recipe_of(scorer: Scorer) -> Recipe:
    """The description; how long the net learnt is not in the file."""
    description: NetDescription = scorer.native.description
    note = f"the net as described; {_EPOCHS} epochs of AdamW stand in for how it was trained"
    return Recipe("torch", {"epochs": _EPOCHS}, description, note)


def fit(recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int) -> Scorer:
    """Train the net anew."""
    schooling = Schooling(**recipe.params)
    return wrap(train(recipe.template, x, y, seed, schooling, threads=threads))
