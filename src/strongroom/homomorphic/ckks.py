"""The CKKS scheme by TenSEAL: keys and plaintext on the client's side, ciphertext on the other.

A batch is one ciphertext for each feature, with a row in each slot. So a batch of one row costs as
much as one of thousands, and no keys for rotations are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from strongroom.domain.errors import InputError, IntegrityError, LimitError, MissingExtra
from strongroom.homomorphic.models import Floats, SecretModel
from strongroom.homomorphic.parameters import Parameters

MAX_CONTEXT: Final = 64 * 1024 * 1024
MAX_CIPHERTEXT: Final = 8 * 1024 * 1024
Batch = Sequence[bytes]
"""One ciphertext for each feature."""


class ClientKeys:
    """A secret key and what belongs to it. Nothing here is ever sent but `public`'s bytes."""

    def __init__(self, context: Any, parameters: Parameters) -> None:
        self._context, self.parameters = context, parameters

    @classmethod
    def make(cls, parameters: Parameters) -> ClientKeys:
        """Fresh keys; whether the parameters are any good is `guard`'s business."""
        library = _library()
        try:
            context = library.context(
                library.SCHEME_TYPE.CKKS,
                parameters.degree,
                coeff_mod_bit_sizes=list(parameters.chain),
            )
        except (ValueError, RuntimeError) as error:
            raise InputError(f"the library refuses {parameters}: {error}") from error
        context.global_scale = 2.0**parameters.scale_bits
        return cls(context, parameters)

    @classmethod
    def from_secret(cls, data: bytes, parameters: Parameters) -> ClientKeys:
        """Read what `secret` gave. Raises InputError."""
        context = _context(data)
        if not context.has_secret_key():
            raise InputError("these are not secret keys")
        return cls(context, parameters)

    def secret(self) -> bytes:
        """With the secret key: for a sealed file, never for the wire."""
        made: bytes = self._context.serialize(save_secret_key=True, save_galois_keys=False)
        return made

    def public(self) -> bytes:
        """What the third party needs. Raises IntegrityError if the secret key were in it."""
        made: bytes = self._context.serialize(save_secret_key=False, save_galois_keys=False)
        if _context(made).has_secret_key():
            raise IntegrityError("the public context holds the secret key")
        return made

    def encrypt(self, z: Floats) -> list[list[bytes]]:
        """Scaled rows (n, d) in batches."""
        library, size = _library(), self.parameters.rows
        return [
            [library.ckks_vector(self._context, column).serialize() for column in rows.T.tolist()]
            for rows in (z[begin : begin + size] for begin in range(0, len(z), size))
        ]

    def decrypt(self, answers: Sequence[bytes], rows: int) -> Floats:
        """Logits (rows,). Raises InputError for other bytes than answers to these keys."""
        found = [np.array(_vector(self._context, answer).decrypt()) for answer in answers]
        logits = np.concatenate(found) if found else np.zeros(0)
        if len(logits) != rows or not np.isfinite(logits).all():
            raise InputError(f"{len(logits)} numbers for {rows} rows", fix="score them again")
        return logits


class Evaluator:
    """The third party's side, for one client's public context."""

    def __init__(self, model: SecretModel, public: bytes, parameters: Parameters) -> None:
        """Raises InputError for a context that is not public, or of other parameters."""
        self._model, self._parameters = model, parameters
        self._context = _context(public)
        if self._context.has_secret_key():
            raise InputError("a secret key was sent", fix="throw these keys away and make others")
        found = _shape(self._context)
        if found != (parameters.degree, sum(parameters.chain), parameters.levels):
            raise InputError(f"a context of degree, bits and levels {found}, not {parameters}")
        if self._context.global_scale != 2.0**parameters.scale_bits:
            raise InputError("a context of another scale")
        if model.demand.depth > 1 and not self._context.has_relin_keys():
            raise InputError("a context without the keys that squares take")

    def evaluate(self, batch: Batch) -> bytes:
        """The encrypted logits of one batch. Raises InputError, LimitError."""
        if len(batch) != len(self._model.features):
            raise InputError(f"{len(batch)} ciphertexts, {len(self._model.features)} features")
        columns = [_vector(self._context, one) for one in batch]
        sizes = {column.size() for column in columns}
        if len(sizes) != 1 or not 0 < sizes.pop() <= self._parameters.rows:
            raise InputError("columns of unlike length")
        try:
            made: bytes = self._logits(columns).serialize()
        except (ValueError, RuntimeError) as error:  # of what the library finds amiss
            raise InputError(f"cannot be computed: {error!s:.200}") from error
        return made

    def _logits(self, columns: Sequence[Any]) -> Any:
        model = self._model
        total = self._inner(model.weights, columns)
        for direction, offset, sign in zip(
            model.directions, model.offsets, model.signs, strict=True
        ):
            inner = self._inner(direction, columns)
            if inner is None:
                continue
            square = (inner + float(offset)).square()
            if total is None:
                total = square if sign > 0 else -square
            else:
                total = total + square if sign > 0 else total - square
        if total is None:
            raise InputError("a model whose weights are all 0")
        return total + float(model.bias)

    def _inner(self, weights: Floats, columns: Sequence[Any]) -> Any:
        """Sum of weights times columns; None when no weight can be told from 0."""
        least, total = 2.0**-self._parameters.scale_bits, None
        for weight, column in zip(weights.tolist(), columns, strict=True):
            if abs(weight) > least:  # a product with 0 would be no ciphertext
                term = column * weight
                total = term if total is None else total + term
        return total


def _context(data: bytes) -> Any:
    _limit(data, MAX_CONTEXT, "context")
    try:
        return _library().context_from(data)
    except (ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"not a context: {error!s:.200}") from error


def _vector(context: Any, data: bytes) -> Any:
    _limit(data, MAX_CIPHERTEXT, "ciphertext")
    try:
        return _library().ckks_vector_from(context, data)
    except (ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"not a ciphertext of this context: {error!s:.200}") from error


def _shape(context: Any) -> tuple[int, int, int]:
    """Degree, bits of the whole modulus, and levels, as the library read them."""
    data = context.seal_context().data
    key, first = data.key_context_data(), data.first_context_data()
    return (
        key.parms().poly_modulus_degree(),
        key.total_coeff_modulus_bit_count(),
        first.chain_index(),
    )


def _limit(data: bytes, most: int, what: str) -> None:
    if len(data) > most:
        raise LimitError(f"{len(data)} bytes of {what}, {most} allowed")


def _library() -> Any:
    # Of an extra, and a third of a second to import.
    try:
        import tenseal  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("private", "scoring on ciphertext") from error
    return tenseal
