"""Sketches of texts: 64 bits that are alike for texts that are alike, and say nothing else."""

from __future__ import annotations

import re
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from strongroom.guard.folding import folded

SHORT: Final = 16
"""Characters; shorter texts ("yes", "thank you") are alike and mean nothing."""
NEAR_BITS: Final = 14
"""Sketches that differ in no more bits are of texts that are almost alike."""
MAX_CHARS: Final = 2_000
MAX_WORDS: Final = 128
"""From the beginning of a text."""
_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = re.compile(r"\d")


def sketch(text: str) -> int:
    """SimHash over words and pairs of words; a word with digits is a slot of a form.

    Source: M. Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002.
    """
    found = _WORD.findall(folded(text[:MAX_CHARS]))[:MAX_WORDS]
    if not found:
        return 0
    slots = ["0" if _NUMBER.search(word) else word for word in found]
    words = np.array([zlib.crc32(w.encode("utf-8", "replace")) for w in slots], np.uint64)
    pairs = words[:-1] << np.uint64(32) | words[1:]
    hashes = _mixed(np.concatenate([words, pairs]))
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    majority = bits.sum(axis=0, dtype=np.int64) * 2 > len(hashes)
    return int.from_bytes(np.packbits(majority).tobytes(), "big")


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit depends on all bits; wraps around (splitmix64, S. Vigna, public domain)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)
