"""The small encoder: MiniLM fine-tuned, int8, run by ONNX Runtime on one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from strongroom.domain.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

NEEDS: Final = ("onnxruntime", "tokenizers")
"""Packages without which the n-gram model judges alone."""
LONGEST: Final = 128
"""Tokens of a window; the rest is in the next one."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Loaded once; safe to share between threads."""

    session: InferenceSession
    tokenizer: Tokenizer

    def logits(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        """(from a user, from data) for each text, one at a time.

        Dynamic quantisation scales by batch: in company a text would be judged differently.
        """
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> tuple[float, float]:
        valid = text.encode("utf-8", "replace").decode("utf-8")  # the tokenizer takes no surrogates
        ids = np.array([self.tokenizer.encode(valid).ids], np.int64)
        feeds = {"ids": ids, "mask": np.ones_like(ids)}
        user, data = self.session.run(["logits"], feeds)[0][0]
        return float(user), float(data)


def runnable() -> bool:
    """Whether the packages that the encoder needs are installed."""
    return all(find_spec(name) is not None for name in NEEDS)


def load_encoder(folder: Path) -> Encoder:
    """Read `encoder.onnx` and `tokenizer.json`. Raises InputError, MissingExtra."""
    try:
        model = (folder / "encoder.onnx").read_bytes()
        tokenizer = (folder / "tokenizer.json").read_bytes()
    except OSError as error:
        raise InputError(f"the encoder in {folder} does not load: {error}") from error
    return make_encoder(model, tokenizer, str(folder))


def make_encoder(model: bytes, tokens: bytes, folder: str) -> Encoder:
    """From what the two files hold; `folder` is for messages. Raises InputError, MissingExtra."""
    if not runnable():
        raise MissingExtra("guard", "the encoder")
    # Not above: the n-gram model must judge where these are not installed.
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_str(tokens.decode("utf-8"))
    except Exception as error:  # both libraries raise types of their own without a common base
        raise InputError(f"the encoder in {folder} does not load: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return Encoder(session, tokenizer)
