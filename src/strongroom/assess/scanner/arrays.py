"""How many raw bytes a described NumPy array takes in a joblib file."""

from __future__ import annotations

import re
from typing import Any, Final

from strongroom.assess.scanner.values import Box, Made

DTYPE_OBJECT: Final = -1
"""The array holds objects: a pickle follows in place of bytes."""
_SIMPLE: Final = re.compile(r"([?bBhHiIlLqQefdgFDGSUVmMOa])(\d*)\Z|([biufcmMSUVaO])(\d+)\Z")
_BY_LETTER: Final = {
    "?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "l": 8, "L": 8, "q": 8, "Q": 8,
    "e": 2, "f": 4, "d": 8, "g": 16, "F": 8, "D": 16, "G": 32, "m": 8, "M": 8,
}  # fmt: skip
_HAS_OBJECT: Final = 0x01
"""NPY_ITEM_HASOBJECT in the flags of a dtype's state."""


def array_bytes(state: Any) -> tuple[int | None, bool]:
    """Bytes of the array whose NumpyArrayWrapper has this state, and whether padding precedes them.

    DTYPE_OBJECT for arrays of objects; None where the state does not say.
    """
    if not isinstance(state, Box) or state.kind != "dict" or not state.whole:
        return None, False
    aligned = state.get("numpy_array_alignment_bytes") is not None
    shape, dtype = state.get("shape"), state.get("dtype")
    if not isinstance(shape, Box) or shape.kind != "tuple" or not shape.whole:
        return None, aligned
    count = 1
    for length in shape.items:
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            return None, aligned
        count *= length
    size = item_size(dtype)
    if size is None or size == DTYPE_OBJECT:
        return size, aligned
    return count * size, aligned


def item_size(dtype: Any) -> int | None:
    """Bytes of one item of `numpy.dtype(code, False, True)` with its state, or as above."""
    if not isinstance(dtype, Made) or not isinstance(dtype.args, Box) or not dtype.args.items:
        return None
    code = dtype.args.items[0]
    if not isinstance(code, str):
        return None
    letter, size = _parse(code)
    if size is None:
        return None
    state = dtype.state.items if isinstance(dtype.state, Box) else []
    flags = state[7] if len(state) > 7 else 0
    if letter == "O" or (isinstance(flags, int) and flags & _HAS_OBJECT):
        return DTYPE_OBJECT
    if letter in "SUVa" and len(state) > 5 and isinstance(state[5], int) and state[5] >= 0:
        return state[5]
    return size


def _parse(code: str) -> tuple[str, int | None]:
    match = _SIMPLE.match(code.lstrip("<>|="))
    if not match:
        return "", None
    if match[3]:
        letter, digits = match[3], match[4]
    else:
        letter, digits = match[1], match[2]
    if letter == "O":
        return letter, 8
    if digits:
        return letter, int(digits) * (4 if letter == "U" else 1)
    return letter, _BY_LETTER.get(letter)
