"""The client's and the third party's acts, each one function; and what a logit may decide."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import DeniedError, InputError
from strongroom.home.home import Home
from strongroom.homomorphic import guard
from strongroom.homomorphic.ckks import ClientKeys, Evaluator
from strongroom.homomorphic.models import Card, Floats, SecretModel
from strongroom.homomorphic.parameters import Parameters, require
from strongroom.homomorphic.requests import Answer, Request
from strongroom.keys.sealing import context_of, new_key, open_stream, seal_stream
from strongroom.storage.files import told, write_file

_MAGIC: Final = b"strongroom.homomorphic.keys.v1\n"
_KEY_NAME: Final = "homomorphic"
_MAX_HEADER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the client reads from an answer."""

    logits: Floats
    flagged: npt.NDArray[np.bool_]
    undecided: npt.NDArray[np.bool_]
    """So near to the threshold that the error could have turned it: score these in another way."""
    error: float
    """The bound that decides this."""


def make_keys(
    card: Card, parameters: Parameters, rng: np.random.Generator, max_error: float
) -> ClientKeys:
    """Keys for a model, once the parameters are judged and tried. Raises DeniedError."""
    require(parameters, card.demand, max_error)
    guard.check(guard.stand_in(card, rng), parameters, rng, max_error)
    return ClientKeys.make(parameters)


def ask(keys: ClientKeys, card: Card, x: Floats) -> Request:
    """Encrypt rows (n, d) for the card's model."""
    if x.ndim != 2 or x.shape[1] != len(card.features) or not len(x):
        raise InputError(f"{x.shape} rows for {len(card.features)} features")
    batches = tuple(tuple(batch) for batch in keys.encrypt(card.inputs(x)))
    return Request(card.model, keys.parameters, len(x), keys.public(), batches)


def answer(
    model: SecretModel, request: Request, rng: np.random.Generator, max_error: float
) -> Answer:
    """Score on ciphertext. Raises DeniedError for parameters that would give wrong scores."""
    if request.model != model.card.model:
        raise InputError("a request for another model", where=str(request.model))
    guard.check(model, request.parameters, rng, max_error)
    evaluator = Evaluator(model, request.context, request.parameters)
    scored = tuple(evaluator.evaluate(batch) for batch in request.batches)
    return Answer(request.model, request.rows, scored)


def decide(keys: ClientKeys, card: Card, given: Answer) -> Decisions:
    """Decrypt, and flag what is above the threshold."""
    if given.model != card.model:
        raise InputError("an answer of another model", where=str(given.model))
    error = require(keys.parameters, card.demand, np.inf)
    away = keys.decrypt(given.batches, given.rows) - card.threshold
    return Decisions(away + card.threshold, away > 0, np.abs(away) <= error, error)


def save_keys(home: Home, keys: ClientKeys, card: Card, path: Path) -> None:
    """Seal the secret keys under the home's key service. Raises DeniedError, StoreError."""
    if path.exists():
        raise DeniedError("keys are there already", where=str(path), fix="name another file")
    data_key, context = new_key(), context_of(model=str(card.model), keys="homomorphic")
    wrapped = home.kms.wrap(data_key, context, name=_KEY_NAME)
    parameters = keys.parameters
    header = canonical(
        {
            "model": str(card.model),
            "wrapped": wrapped.hex(),
            "kms": home.kms.uri,
            "degree": parameters.degree,
            "chain": list(parameters.chain),
            "scale_bits": parameters.scale_bits,
        }
    )
    target = io.BytesIO()
    seal_stream(io.BytesIO(keys.secret()), target, data_key, context)
    whole = _MAGIC + len(header).to_bytes(4) + header + target.getvalue()
    write_file(path, whole, mode=0o600)


def load_keys(home: Home, card: Card, path: Path) -> ClientKeys:
    """Open sealed keys. Raises InputError, IntegrityError, KeyAccessError."""
    with told(path):
        data = path.read_bytes()
    start = len(_MAGIC) + 4
    length = int.from_bytes(data[len(_MAGIC) : start])
    if not data.startswith(_MAGIC) or length > _MAX_HEADER:
        raise InputError("not sealed keys of ours", where=str(path))
    raw = parse_json(data[start : start + length], where=str(path))
    try:
        parameters = Parameters(raw["degree"], tuple(raw["chain"]), raw["scale_bits"])
        wrapped, service = bytes.fromhex(raw["wrapped"]), str(raw["kms"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("not sealed keys of ours", where=str(path)) from error
    context, target = context_of(model=str(card.model), keys="homomorphic"), io.BytesIO()
    data_key = home.kms_at(service).unwrap(wrapped, context)
    open_stream(io.BytesIO(data[start + length :]), target, data_key, context, where=str(path))
    return ClientKeys.from_secret(target.getvalue(), parameters)
