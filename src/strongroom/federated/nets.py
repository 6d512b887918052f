"""What a bank does with a net and its own rows: some steps downhill, plainly or privately.

FedAvg: McMahan et al., AISTATS 2017 (https://arxiv.org/abs/1602.05629). FedProx: Li et al., MLSys
2020 (https://arxiv.org/abs/1812.06127). Private steps: Abadi et al., CCS 2016
(https://arxiv.org/abs/1607.00133): Poisson sampling, each row's gradient clipped, Gaussian noise.
"""

from __future__ import annotations

import numpy as np

from strongroom.federated.fixed import Floats
from strongroom.federated.models import Net, log_loss, sigmoid
from strongroom.federated.plan import NetPlan, PrivacyPlan
from strongroom.federated.shamir import Entropy

MOMENTUM = 0.9


def first(centre: Floats, scale: Floats, hidden: tuple[int, ...], seed: int) -> Net:
    """The net that everybody starts from: zeros without hidden layers, else Glorot's."""
    sizes = (len(centre), *hidden, 1)
    rng = np.random.default_rng(seed)
    parts = []
    for wide, tall in zip(sizes, (*hidden, 1), strict=False):
        reach = np.sqrt(6 / (wide + tall)) if hidden else 0.0
        parts += [rng.uniform(-reach, reach, wide * tall), np.zeros(tall)]
    return Net(centre, scale, sizes, np.concatenate(parts))


def gradients(net: Net, weights: Floats, x: Floats, y: Floats, clip: float | None) -> Floats:
    """Sum over rows of the gradient of the log loss; each row's clipped to norm `clip` if given.

    A row's gradient of a layer is the outer product of what goes in and what comes back, so its
    norm is known without making it.
    """
    layers = net.layers(weights)
    signals, back = _passes(layers, x, y)
    if clip is not None:
        squared = sum(
            (b**2).sum(axis=1) * (1 + (s**2).sum(axis=1))
            for s, b in zip(signals, back, strict=True)
        )
        factor = np.minimum(1.0, clip / np.maximum(np.sqrt(squared), 1e-12))
        back = [b * factor[:, None] for b in back]
    parts = [
        part
        for s, b in zip(signals, back, strict=True)
        for part in ((s.T @ b).ravel(), b.sum(axis=0))
    ]
    return np.concatenate(parts)


def loss(net: Net, x: Floats, y: Floats) -> float:
    """Sum of the log loss over the scaled rows."""
    signal = x
    *hidden, (matrix, bias) = net.layers(net.weights)
    for inner, offset in hidden:
        signal = np.tanh(signal @ inner + offset)
    return log_loss((signal @ matrix + bias)[:, 0], y)


def improved(net: Net, x: Floats, y: Floats, plan: NetPlan, rng: np.random.Generator) -> Floats:
    """How far the weights move over `plan.epochs` passes through the scaled rows (n, d)."""
    weights, speed = net.weights.copy(), np.zeros_like(net.weights)
    for _ in range(plan.epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), plan.batch):
            rows = order[begin : begin + plan.batch]
            slope = gradients(net, weights, x[rows], y[rows], None) / len(rows)
            slope += plan.proximal * (weights - net.weights)
            speed = MOMENTUM * speed - plan.learning_rate * slope
            weights += speed
    return weights - net.weights


def improved_privately(
    net: Net, x: Floats, y: Floats, plan: NetPlan, privacy: PrivacyPlan, entropy: Entropy
) -> Floats:
    """As `improved`, in `privacy.steps` noisy steps over rows drawn by chance."""
    rng = np.random.default_rng(int.from_bytes(entropy(32)))
    weights, expected = net.weights.copy(), max(1.0, privacy.sampling * len(x))
    for _ in range(privacy.steps):
        rows = np.flatnonzero(rng.random(len(x)) < privacy.sampling)
        slope = gradients(net, weights, x[rows], y[rows], privacy.clip)
        noise = gaussian(len(weights), privacy.noise_multiplier * privacy.clip, entropy)
        weights -= plan.learning_rate * (slope + noise) / expected
    return weights - net.weights


def gaussian(n: int, deviation: float, entropy: Entropy) -> Floats:
    """Normal numbers (n,) from unpredictable bytes, by Box and Muller.

    In floating point, and so only as good as the usual libraries: Mironov, CCS 2012, shows what
    the last bits can tell. What is sent is rounded to steps of 2^-20 after many were added.
    """
    words = np.frombuffer(entropy(16 * n), dtype="<u8").reshape(2, n)
    radius, angle = ((words >> np.uint64(11)) + 1.0) / 2.0**53
    made: Floats = deviation * np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    return made


def _passes(
    layers: list[tuple[Floats, Floats]], x: Floats, y: Floats
) -> tuple[list[Floats], list[Floats]]:
    """What goes into each layer, and the derivative of the loss by what comes out of it."""
    signals = [x]
    for matrix, bias in layers[:-1]:
        signals.append(np.tanh(signals[-1] @ matrix + bias))
    matrix, bias = layers[-1]
    out = sigmoid((signals[-1] @ matrix + bias)[:, 0])
    back = [(out - y)[:, None]]
    for (matrix, _), signal in zip(layers[:0:-1], signals[:0:-1], strict=True):
        back.insert(0, (back[0] @ matrix.T) * (1 - signal**2))
    return signals, back
