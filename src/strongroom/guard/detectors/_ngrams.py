"""Hashed word and character n-grams with linear weights: two logits in well under a millisecond.

Features are binary, weighted by inverse document frequency and scaled to length one. Hashing is
vectorised over code points; the same code serves training and inference, so they cannot drift.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import BadZipFile
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from strongroom.domain.errors import InputError

BITS: Final = 19
"""Buckets: 2**19, half for words and half for characters."""
CHARS: Final = (2, 3, 4, 5)
WORDS: Final = (1, 2, 3)
_HALF: Final = 1 << (BITS - 1)
_MASK: Final = (1 << BITS) - 1
_TOGETHER: Final = 64
"""Texts read at once: as many as fit the cache."""
_SMALL: Final = 1e-9
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_STEP: Final = np.uint64(0x100000001B3)
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_DIGIT: Final = re.compile(r"\d")
_SPACES: Final = re.compile(r"\s+")

Buckets = NDArray[np.int64]


def normal(text: str) -> str:
    """Compatibility forms folded, lower case without accents, digits as 0, single spaces."""
    folded = (text if text.isascii() else _bare(text)).casefold()
    return _SPACES.sub(" ", _DIGIT.sub("0", folded)).strip()


def _bare(text: str) -> str:
    """Letters without their accents; strewn accents are a disguise."""
    apart = unicodedata.normalize("NFKD", text)
    return apart.translate({ord(char): None for char in set(apart) if unicodedata.combining(char)})


def buckets(text: str) -> Buckets:
    """The buckets that a text falls into, sorted, each once. Shape (features,)."""
    return _keys([text])


def _keys(texts: Sequence[str]) -> Buckets:
    """The buckets of each text, with the number of the text above them; sorted, each once."""
    plain = [normal(text) for text in texts]
    padded = [f" {each} " if each else "" for each in plain]
    joined = "".join(padded).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(joined, np.uint32).astype(np.uint64)
    tokens = [_TOKEN.findall(each) for each in plain]
    codes = (crc32(token.encode("utf-8", "surrogatepass")) for each in tokens for token in each)
    words = np.fromiter(codes, np.uint64)
    found = [
        *_grams(words, _owners(tokens), WORDS, 0),
        *_grams(points, _owners(padded), CHARS, _HALF),
    ]
    keys = np.concatenate(found) if found else np.empty(0, np.int64)
    keys.sort()  # sorting and looking at neighbours is faster than np.unique
    return keys[np.flatnonzero(np.diff(keys, prepend=-1))]


def _owners(parts: Sequence[Sized]) -> Buckets:
    """Which text each unit is of."""
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _grams(
    units: NDArray[np.uint64], owners: Buckets, lengths: tuple[int, ...], above: int
) -> Iterator[Buckets]:
    """A key for each run of so many units of one text; buckets start `above`."""
    rolled = np.zeros(len(units), np.uint64)
    for length in range(1, min(max(lengths), len(units)) + 1):
        rolled = rolled[: len(units) - length + 1] * _STEP + units[length - 1 :]
        if length in lengths:
            mixed = (rolled + np.uint64(length)) * _MIX
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
            bucket = (mixed >> np.uint64(64 - (BITS - 1))).astype(np.int64) + above
            first = owners[: len(rolled)]
            yield ((first << BITS) | bucket)[first == owners[length - 1 :]]


@dataclass(frozen=True, slots=True, eq=False)
class Ngrams:
    """Inverse document frequencies and the weights of two questions."""

    rarity: NDArray[np.float32]
    """Inverse document frequency of each bucket; zero for those never seen. Shape (2**BITS,)."""
    weights: NDArray[np.float32]
    """Shape (2**BITS, 2): an attack from a user; an attack from data."""
    bias: NDArray[np.float32]
    """Shape (2,)."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How sure, as log odds: (from a user, from data) for each text. Shape (texts, 2)."""
        parts = [self._some(texts[at : at + _TOGETHER]) for at in range(0, len(texts), _TOGETHER)]
        return np.concatenate(parts) if parts else np.empty((0, 2))

    def _some(self, texts: Sequence[str]) -> NDArray[np.float64]:
        keys = _keys(texts)
        owner, found = keys >> BITS, keys & _MASK
        rarity = self.rarity[found]
        weights = self.weights[found]
        length = np.sqrt(np.bincount(owner, rarity * rarity, len(texts)))
        sums = [np.bincount(owner, rarity * weights[:, side], len(texts)) for side in (0, 1)]
        return np.column_stack(sums) / np.maximum(length, _SMALL)[:, None] + self.bias

    def save(self, path: Path) -> None:
        """As compressed arrays of half precision."""
        np.savez_compressed(
            path,
            version=np.array([1]),
            rarity=self.rarity.astype(np.float16),
            weights=self.weights.astype(np.float16),
            bias=self.bias.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path) -> Ngrams:
        """Read what `save` wrote. Raises InputError when it is something else."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} holds no n-gram model: {error}") from error
        return cls.read(data, str(path))

    @classmethod
    def read(cls, data: bytes, path: str) -> Ngrams:
        """From what a file holds; `path` is for messages. Raises InputError."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in ("rarity", "weights", "bias")}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InputError(f"{path} holds no n-gram model: {error}") from error
        size = 1 << BITS
        shapes = [arrays[name].shape for name in ("rarity", "weights", "bias")]
        if shapes != [(size,), (size, 2), (2,)]:
            raise InputError(f"{path} holds arrays of other shapes: {shapes}")
        return cls(**{name: array.astype(np.float32) for name, array in arrays.items()})
